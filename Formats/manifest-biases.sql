-- What schema version 5 adds to the manifest (manifest.sql, manifest-writes.sql, manifest-attributes.sql, manifest-exclusions.sql,
-- manifest-models.sql): sets of biases that searches add to scores by name. A store gets it with its first such set, and stays readable by
-- older vecd until then.
--
-- Built like exclude sets (manifest-exclusions.sql), for the same reasons and with the same checksums.

CREATE TABLE bias_sets (
  set_number         INTEGER PRIMARY KEY NOT NULL,   -- 1, 2, ...; of all collections, none is used by two sets at once
  collection_number  INTEGER NOT NULL,
  name               TEXT NOT NULL,
  first_part         INTEGER NOT NULL,
  last_part          INTEGER NOT NULL,
  chain              INTEGER NOT NULL,   -- checksum of its last part, which covers all before
  checksum           INTEGER NOT NULL    -- CRC32C, as of an exclude set
) STRICT;

-- What was put into a set, a row per request. When they are many (32), or hold mostly what counts no more, they are replaced by one that
-- holds what the set holds.
CREATE TABLE bias_parts (
  set_number         INTEGER NOT NULL,
  part               INTEGER NOT NULL,   -- first_part to last_part of its set, without a gap
  collection_number  INTEGER NOT NULL,   -- as in its set: either row is damaged, and the other tells whose it is
  name               TEXT NOT NULL,      -- the same
  appended_at        INTEGER NOT NULL,   -- milliseconds since 1970
  id_count           INTEGER NOT NULL,   -- 1 to 1,000,000
  content            BLOB NOT NULL,      -- u64[id_count] ids, each once; u64[id_count] biases: the bits of an f32, below 2^32
  checksum           INTEGER NOT NULL,   -- CRC32C, as of a part of an exclude set
  PRIMARY KEY (set_number, part)
) STRICT, WITHOUT ROWID;

-- A set is what its parts make of it, from the first to the last: each id of a part gets the bias of the part, and leaves the set when that
-- is 0. Biases are finite and between -1e9 and 1e9. A set that has no ids any more is removed.
