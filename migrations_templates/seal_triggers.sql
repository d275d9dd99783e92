-- Keep with a trigger function of ours of which SQL it was made, and what it is by now.
CREATE OR REPLACE FUNCTION rls_perms.seal_triggers(target regproc, made_of text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    sealed text;
BEGIN
    sealed := 'rls_perms ' || made_of || ' ' || rls_perms.trigger_digest(target);
    EXECUTE format('COMMENT ON FUNCTION %s() IS %L', target, sealed);
END
$function$;
