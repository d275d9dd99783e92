-- Functions that read for policies which a migration takes down for a moment, with what runs to
-- make them anew. It is empty but inside such a migration.
CREATE TABLE IF NOT EXISTS rls_perms.laid_aside_reader (
    signature text NOT NULL PRIMARY KEY,
    statements text[] NOT NULL
);
