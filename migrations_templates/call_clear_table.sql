SELECT rls_perms.clear_table({table}, {keep});
