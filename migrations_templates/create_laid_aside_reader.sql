-- Functions that read for policies which a migration takes down for a moment, and who may call
-- them. It is empty but inside such a migration.
CREATE TABLE IF NOT EXISTS rls_perms.laid_aside_reader (
    signature text NOT NULL PRIMARY KEY,
    definition text NOT NULL,
    callers text[] NOT NULL
);
