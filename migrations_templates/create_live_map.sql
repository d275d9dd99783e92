-- What groups and permissions mean, as the last sync worked it out: roles by name, and the
-- privileges that a permission is, or that a role has whatever it is permitted. An empty list
-- of columns is the whole object.
CREATE TABLE IF NOT EXISTS rls_perms.known_role (
    kind text NOT NULL CHECK (kind IN ('group', 'permission')),
    name text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL UNIQUE,
    asked boolean NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE TABLE IF NOT EXISTS rls_perms.known_grant (
    kind text NOT NULL CHECK (kind IN ('permission', 'role')),
    name text COLLATE "C" NOT NULL,
    schema text COLLATE "C" NOT NULL,
    object text COLLATE "C" NOT NULL,
    privilege text NOT NULL CHECK (privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'USAGE')),
    columns text[] NOT NULL,
    PRIMARY KEY (kind, name, schema, object, privilege)
);
