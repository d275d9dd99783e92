SELECT rls_perms.ensure_role({name}, {mark});
