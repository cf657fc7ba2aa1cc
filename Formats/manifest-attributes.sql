-- What schema version 3 adds to the manifest (manifest.sql, manifest-writes.sql): attributes. New stores have it from the start;
-- an older store gets it with its first collection that has attributes, first added attribute or first write with records, in the
-- same transaction, and stays readable by older vecd until then.

CREATE TABLE attributes (
  collection_number  INTEGER NOT NULL REFERENCES collections (collection_number),
  position           INTEGER NOT NULL CHECK (position BETWEEN 0 AND 63),   -- never changed, never used again
  name               TEXT NOT NULL,
  type               TEXT NOT NULL CHECK (type IN ('int', 'float', 'bool', 'keyword', 'keywords')),
  PRIMARY KEY (collection_number, position),
  UNIQUE (collection_number, name)
) STRICT, WITHOUT ROWID;

-- The checksum of a collection goes on, after its dead rows and only if it has any, over its attributes in the order of their positions
-- (u8 3, u8 position, u8 type code of attributes.md, name as u16 length and UTF-8).
--
-- The log of writes (writes_N of manifest-writes.sql) has a further kind: 4, upsert with records. Its content is that of an upsert, then
-- row_count records of attributes.md, one after the other.
