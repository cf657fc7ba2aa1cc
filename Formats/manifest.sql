-- The manifest of a vecd store, schema version 1 (PRAGMA user_version). vecd executes this file when it creates a store.
--
-- One SQLite connection, locking_mode=EXCLUSIVE set before journal_mode=WAL, synchronous=FULL. SQLite does not notice
-- flipped bits, so every collection carries a CRC32C over its own row, its generations and its segments (in the order of
-- their keys), and the store one over all collections; both are checked at open. Times are milliseconds since 1970.

CREATE TABLE store (
  key    TEXT PRIMARY KEY NOT NULL,   -- 'next_number', 'catalogue_checksum', 'store_uuid'
  value  ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE collections (
  collection_number  INTEGER PRIMARY KEY NOT NULL,
  name               TEXT NOT NULL UNIQUE,
  dimension          INTEGER NOT NULL CHECK (dimension BETWEEN 1 AND 4096),
  metric             TEXT NOT NULL CHECK (metric IN ('ip', 'cosine', 'l2')),
  created_at         INTEGER NOT NULL,
  sequence           INTEGER NOT NULL,   -- advanced by every change of the collection; every answer names it
  live_generation    INTEGER,            -- generation_number, NULL before the first publish
  checksum           INTEGER NOT NULL    -- CRC32C over this row, its generations and its segments
) STRICT;

CREATE TABLE generations (
  generation_number    INTEGER PRIMARY KEY NOT NULL,
  collection_number    INTEGER NOT NULL REFERENCES collections (collection_number),
  label                TEXT NOT NULL,
  state                TEXT NOT NULL CHECK (state IN ('building', 'built', 'live', 'retired')),
  index_type           TEXT CHECK (index_type IN ('flat', 'ivf', 'hnsw', 'auto')),   -- NULL while building
  created_at           INTEGER NOT NULL,
  built_at             INTEGER,
  published_at         INTEGER,
  replaced_generation  INTEGER,          -- what was live when this was published: where rollback goes
  UNIQUE (collection_number, label)
) STRICT;

CREATE TABLE segments (
  segment_uuid       BLOB PRIMARY KEY NOT NULL CHECK (length(segment_uuid) = 16),
  generation_number  INTEGER NOT NULL REFERENCES generations (generation_number),
  ordinal            INTEGER NOT NULL,   -- order within the generation
  row_count          INTEGER NOT NULL,
  byte_count         INTEGER NOT NULL,
  root_checksum      INTEGER NOT NULL,
  element_type       TEXT NOT NULL CHECK (element_type IN ('f32', 'f16', 'bf16')),
  UNIQUE (generation_number, ordinal)
) STRICT, WITHOUT ROWID;
