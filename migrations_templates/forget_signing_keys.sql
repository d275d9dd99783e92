DELETE FROM rls_perms.signing_key;
