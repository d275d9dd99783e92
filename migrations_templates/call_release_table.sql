SELECT rls_perms.release_table({table}, {along});
