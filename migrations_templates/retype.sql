-- Make way for another type of what a function of the context answers, as the key of the user's
-- or the tenant's model has it: lay aside what uses it, empty the views of grants, drop it.
CREATE OR REPLACE FUNCTION rls_perms.retype(function_name text, wanted text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    present oid := to_regprocedure(format('rls_perms.%I()', function_name));
BEGIN
    IF present IS NULL OR pg_get_function_result(present) = format_type(wanted::regtype, NULL) THEN
        RETURN;
    END IF;
    PERFORM rls_perms.lay_aside(ARRAY(SELECT rls_perms.policies_using('pg_proc', present, 0)));
    PERFORM rls_perms.empty_grant_views('pg_proc', present);
    EXECUTE format('DROP FUNCTION %s', present::regprocedure);
END
$function$;
