-- Keep with a trigger function of ours of which SQL it was made, and what it is by now.
CREATE OR REPLACE FUNCTION rls_perms.seal_triggers(target regproc, made_of text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    EXECUTE format(
        'COMMENT ON FUNCTION %s() IS %L',
        target, 'rls_perms ' || made_of || ' ' || rls_perms.trigger_digest(target)
    );
END
$function$;
