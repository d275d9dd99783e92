SELECT rls_perms.retype({name}, {type});
