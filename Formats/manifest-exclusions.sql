-- What schema version 3 adds to the manifest (manifest.sql, manifest-writes.sql, manifest-attributes.sql): sets of ids that searches
-- exclude by name. New stores have it from the start; an older store gets it with its first such set, and stays readable by older vecd
-- until then.
--
-- No column that a caller fills is a key, so that a flipped bit in a name or an id damages its set alone. Names are
-- found in memory: all sets are read at the start.

CREATE TABLE exclusion_sets (
  set_number         INTEGER PRIMARY KEY NOT NULL,   -- 1, 2, ...; of all collections, none is used by two sets at once
  collection_number  INTEGER NOT NULL,
  name               TEXT NOT NULL,
  first_part         INTEGER NOT NULL,
  last_part          INTEGER NOT NULL,
  chain              INTEGER NOT NULL,   -- checksum of its last part, which covers all before
  checksum           INTEGER NOT NULL    -- CRC32C, below
) STRICT;

-- What was appended to a set, a row per append. When they are many (32), or hold mostly what counts no more, they are replaced by one that
-- holds what the set holds.
CREATE TABLE exclusion_parts (
  set_number         INTEGER NOT NULL,
  part               INTEGER NOT NULL,   -- first_part to last_part of its set, without a gap
  collection_number  INTEGER NOT NULL,   -- as in its set: either row is damaged, and the other tells whose it is
  name               TEXT NOT NULL,      -- the same
  appended_at        INTEGER NOT NULL,   -- milliseconds since 1970
  id_count           INTEGER NOT NULL,   -- 1 to 65,536
  content            BLOB NOT NULL,      -- u64[id_count] ids, each once; i64[id_count] ends of their lives, -1 = never
  checksum           INTEGER NOT NULL,   -- CRC32C, below
  PRIMARY KEY (set_number, part)
) STRICT, WITHOUT ROWID;

-- Times are milliseconds since 1970, numbers little-endian.
--
-- A set is what its parts make of it, from the first to the last: what has ended by appended_at leaves; each id of the part gets
-- the later of the end that it has and that of the part, and counts as appended later than all before it; then, of more than
-- 65,536 ids, those appended first leave. An id is excluded as long as the time is before its end.
--
-- The checksum of a set is over u64 set_number, u64 collection_number, u64 length of name, name in UTF-8, u64 first_part, u64 last_part,
-- u64 chain. That of a part is over u32 checksum of the part before (of the first one: 0), u64 set_number, u64 part, u64 collection_number,
-- u64 length of name, name, i64 appended_at, u64 id_count, content.
