-- Take the policies down that use one column, whose type PostgreSQL would not change under them.
CREATE OR REPLACE FUNCTION rls_perms.lay_policies_aside(target regclass, of_column text)
    RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT rls_perms.empty_grant_views('pg_class', target);
    SELECT rls_perms.lay_aside(ARRAY(
               SELECT rls_perms.policies_using('pg_class', target, attnum)
                 FROM pg_attribute
                WHERE attrelid = target AND attname = of_column
           ))
$function$;
