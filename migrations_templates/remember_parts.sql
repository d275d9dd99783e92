INSERT INTO rls_perms.gone (transaction, source, key, holder)
SELECT pg_current_xact_id(), {source}, gone.{key}::text,
       concat_ws(' ', current_setting('role'), rls_perms.user_id())
  FROM gone;
