INSERT INTO rls_perms.gone (transaction, source, key, holder)
SELECT pg_current_xact_id(), {source}, gone.{object}::text, gone.{holder}::text
  FROM gone
 WHERE gone.{permission} IN ({permission_ids});
