-- Drop the policies of ours on one table, whatever its columns are called by now. Row level
-- security stays on: with no policy left, PostgreSQL denies every row, which is the safe way
-- to be wrong.
CREATE OR REPLACE FUNCTION rls_perms.drop_policies(target regclass) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    policy record;
BEGIN
    FOR policy IN
        SELECT polname
          FROM pg_policy
         WHERE polrelid = target
           AND starts_with(obj_description(oid, 'pg_policy'), 'rls_perms ')
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy.polname, target);
    END LOOP;
END
$function$;
