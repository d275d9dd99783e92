SELECT rls_perms.cover_partitions({table});
