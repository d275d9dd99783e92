SELECT rls_perms.close_table({table}, {logins});
