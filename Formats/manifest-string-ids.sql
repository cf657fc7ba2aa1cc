-- What schema version 6 adds to the manifest (manifest.sql, manifest-writes.sql, manifest-attributes.sql, manifest-exclusions.sql,
-- manifest-models.sql, manifest-biases.sql): collections whose items are known by texts (string-ids.md). A store gets it with its first such
-- collection, and stays readable by older vecd until then. From then on its log of writes may have records with string ids, and its segments
-- the section of kind 10.

CREATE TABLE string_id_collections (
  collection_number  INTEGER PRIMARY KEY NOT NULL REFERENCES collections (collection_number)
) STRICT;

-- The checksum of a collection goes on, after its settings and only if it has a row here, over u8 6.
