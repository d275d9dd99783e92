SELECT rls_perms.lay_policies_aside({table}, {column});
