-- Parameters that are set for the rest of the transaction along with a group's role. Where a
-- user has several groups that set one, that of the last position holds.
CREATE TABLE IF NOT EXISTS rls_perms.role_setting (
    role text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    position integer NOT NULL,
    PRIMARY KEY (role, name)
);
