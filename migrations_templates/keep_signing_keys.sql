-- Secrets: whoever has one can sign a context. Keep no script or log with this statement.
INSERT INTO rls_perms.signing_key (position, fingerprint, inside, outside) VALUES {rows};
