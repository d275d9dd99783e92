-- The prefix in force: written once, so that a clone of the database keeps its source's roles.
-- Then what is installed: digests of the functions and of the live triggers, and how many
-- changes these have followed.
CREATE TABLE IF NOT EXISTS rls_perms.installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    prefix text NOT NULL,
    database text NOT NULL,
    functions text NOT NULL DEFAULT '',
    live text NOT NULL DEFAULT '',
    changes bigint NOT NULL DEFAULT 0
);
