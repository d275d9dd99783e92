-- Remember which grants by foreign key a transaction takes away: Django deletes them before the
-- row that they let be deleted.
CREATE OR REPLACE FUNCTION rls_perms.{function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    {forget_past}
    {remember}
    RETURN NULL;
END
$function$;
REVOKE ALL ON FUNCTION rls_perms.{function}() FROM PUBLIC;
