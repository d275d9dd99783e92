-- The logins of tenants' own people, with the keys of the groups whose rights they have: what sync
-- holds them to. Only the owner reads it.
CREATE TABLE IF NOT EXISTS rls_perms.tenant_login (
    login text COLLATE "C" PRIMARY KEY,
    tenant text NOT NULL,
    groups text[] NOT NULL
);
