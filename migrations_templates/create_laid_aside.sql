-- Policies that a migration takes down for a moment, to alter a column under them. It is empty
-- but inside such a migration.
CREATE TABLE IF NOT EXISTS rls_perms.laid_aside (
    target regclass NOT NULL,
    name text NOT NULL,
    permissive boolean NOT NULL,
    clauses text NOT NULL,
    comment text,
    PRIMARY KEY (target, name)
);
