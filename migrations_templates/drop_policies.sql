-- Drop the policies of ours on one table, whatever its columns are called by now, and the
-- functions that read for them. Row level security stays on: with no policy left, PostgreSQL
-- denies every row, which is the safe way to be wrong.
CREATE OR REPLACE FUNCTION rls_perms.drop_policies(target regclass) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    policy record;
    reader regprocedure;
    readers regprocedure[];
BEGIN
    SELECT array_agg(DISTINCT refobjid::regprocedure) INTO readers
      FROM pg_depend
      JOIN pg_policy ON pg_policy.oid = pg_depend.objid
     WHERE classid = 'pg_policy'::regclass
       AND refclassid = 'pg_proc'::regclass
       AND polrelid = target
       AND starts_with(obj_description(pg_policy.oid, 'pg_policy'), 'rls_perms ')
       AND obj_description(refobjid, 'pg_proc') = 'rls_perms reader';
    FOR policy IN
        SELECT polname
          FROM pg_policy
         WHERE polrelid = target
           AND starts_with(obj_description(oid, 'pg_policy'), 'rls_perms ')
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy.polname, target);
    END LOOP;
    FOREACH reader IN ARRAY coalesce(readers, '{{}}') LOOP
        EXECUTE format('DROP FUNCTION %s', reader);
    END LOOP;
END
$function$;
