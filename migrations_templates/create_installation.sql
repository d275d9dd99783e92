-- The prefix in force: written once, so that a clone of the database keeps its source's roles.
CREATE TABLE IF NOT EXISTS rls_perms.installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    prefix text NOT NULL,
    database text NOT NULL,
    functions text NOT NULL DEFAULT ''
);
