-- Keys for signed contexts, each as the two padded blocks of HMAC (RFC 2104). The application's
-- sign tokens, and sync writes them; the database's own signs proofs, and never leaves it.
CREATE TABLE IF NOT EXISTS rls_perms.signing_key (
    position integer PRIMARY KEY,
    fingerprint text NOT NULL,
    inside bytea NOT NULL,
    outside bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS rls_perms.proof_key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    inside bytea NOT NULL,
    outside bytea NOT NULL
);
