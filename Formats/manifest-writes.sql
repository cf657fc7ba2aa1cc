-- What schema version 2 adds to the manifest (manifest.sql): single writes. New stores have it from the start; a store of
-- version 1 gets it with its first upsert or delete, in the same transaction, and stays readable by older vecd until then.
--
-- A delta is the log of a generation's writes since its last seal. A generation may have several: the one of the greatest
-- number takes writes, the others wait to be sealed into a segment. Each has a table of its own, because dropping a table is
-- cheap and deleting its rows is not.

CREATE TABLE deltas (
  delta_number       INTEGER PRIMARY KEY NOT NULL,   -- from store.next_number; ascending within a generation
  generation_number  INTEGER NOT NULL REFERENCES generations (generation_number),
  write_count        INTEGER NOT NULL,   -- rows of its table
  last_sequence      INTEGER NOT NULL,   -- the collection's sequence after its last write
  chain              INTEGER NOT NULL,   -- checksum of its last write, which covers all before; 0 without writes
  checksum           INTEGER NOT NULL    -- CRC32C over the columns above, each as 8 bytes little-endian
) STRICT;

-- The table of delta N is writes_N:
--
--   CREATE TABLE writes_N (
--     write_number  INTEGER PRIMARY KEY NOT NULL,   -- 1, 2, ... without a gap
--     sequence      INTEGER NOT NULL,
--     kind          INTEGER NOT NULL,   -- 1 upsert, 2 delete, 3 tokens of earlier writes
--     token         BLOB NOT NULL,      -- 16 bytes, or none
--     row_count     INTEGER NOT NULL,
--     content       BLOB NOT NULL,
--     checksum      INTEGER NOT NULL
--   ) STRICT;
--
-- content, little-endian. Upsert: u64[row_count] ids, f32[row_count x dimension] vectors, both in the order given. Delete:
-- u64[row_count] ids. Tokens: row_count times u8[16] token, u64 sequence, oldest first: of the
-- writes of a delta that was sealed in the meantime.
--
-- checksum is the CRC32C over, little-endian: u32 checksum of the write before (of the first one: 0), u64 delta_number,
-- u64 write_number, u64 sequence, u64 kind, u64 length of token, token, u64 row_count, u64 length of content, content. So a
-- changed, lost, added, moved or exchanged write is noticed, and the delta's row tells of lost ones at the end.

-- Rows of a segment that were deleted or replaced, as far as the writes that did it have been sealed (later ones may be
-- there too: carrying them out again changes nothing).
CREATE TABLE dead_rows (
  segment_uuid  BLOB NOT NULL CHECK (length(segment_uuid) = 16),
  part          INTEGER NOT NULL,   -- 1, 2, ...; the parts of a segment hold different rows
  row_count     INTEGER NOT NULL,
  rows          BLOB NOT NULL,      -- u32[row_count], ascending
  checksum      INTEGER NOT NULL,   -- CRC32C over uuid, u64 part, u64 row_count, rows
  PRIMARY KEY (segment_uuid, part)
) STRICT, WITHOUT ROWID;

-- The checksum of a collection goes on, after its segments and only if there are any, over its deltas in the order of
-- their numbers (u8 1, u64 delta_number, u64 generation_number), and over its parts of dead rows in the order of segment_uuid and
-- part (u8 2, uuid, u64 part, u64 row_count, u32 checksum).
