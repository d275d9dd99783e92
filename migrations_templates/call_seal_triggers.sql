SELECT rls_perms.seal_triggers({function}, {digest});
