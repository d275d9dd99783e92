SELECT rls_perms.release_column({table}, {column});
