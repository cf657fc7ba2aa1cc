-- What schema version 4 adds to the manifest (manifest.sql, manifest-writes.sql, manifest-attributes.sql, manifest-exclusions.sql): model
-- versions, settings of collections, captured queries. New stores have it from the start; an older store gets it with its first of these, in the
-- same transaction, and stays readable by older vecd until then.

-- The version of the model that made a generation's vectors; a generation without a row carries none.
CREATE TABLE models (
  generation_number  INTEGER PRIMARY KEY NOT NULL REFERENCES generations (generation_number),
  model              TEXT NOT NULL
) STRICT;

-- A setting without a row has its default.
CREATE TABLE settings (
  collection_number  INTEGER NOT NULL REFERENCES collections (collection_number),
  setting            INTEGER NOT NULL CHECK (setting BETWEEN 1 AND 255),
  value              INTEGER NOT NULL,
  PRIMARY KEY (collection_number, setting)
) STRICT, WITHOUT ROWID;

-- setting and value: 1 model policy (0 refuse, 1 route, 2 count), 2 captured queries (how many), 3 gauge share (the bits of an f32).
--
-- The checksum of a collection goes on, after its attributes and only if there are any, over the models of its generations in the order of
-- generation_number (u8 4, u64 generation_number, model as u16 length and UTF-8) and over its settings in their order (u8 5, u8 setting,
-- u64 value).

-- Real queries that were asked of generations with one model version. No answer depends on them: what fails its checksum is given up.
CREATE TABLE captures (
  collection_number  INTEGER NOT NULL,
  model              TEXT NOT NULL,      -- empty: of generations that carry none
  query_count        INTEGER NOT NULL,
  vectors            BLOB NOT NULL,      -- f32[query_count x dimension], little-endian, oldest first
  checksum           INTEGER NOT NULL,   -- CRC32C over u64 collection_number, u64 length of model, model, u64 query_count, vectors
  PRIMARY KEY (collection_number, model)
) STRICT, WITHOUT ROWID;
