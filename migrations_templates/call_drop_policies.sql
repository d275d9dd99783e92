SELECT rls_perms.drop_policies({table});
