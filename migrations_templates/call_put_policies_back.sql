SELECT rls_perms.put_policies_back();
