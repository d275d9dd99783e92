-- Which role stands for a group or permission ('part'), and for a combination ('session').
CREATE TABLE IF NOT EXISTS rls_perms.role_map (
    kind text NOT NULL CHECK (kind IN ('part', 'session')),
    key text COLLATE "C" NOT NULL,
    role text NOT NULL,
    PRIMARY KEY (kind, key)
);
