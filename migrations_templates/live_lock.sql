-- Before the statement locks a row: changes of roles come one after another, and none waits
-- for a row while it keeps the others waiting. The count is for a transaction that still sees
-- what was before: it would grant by that, and is told to begin anew (40001).
CREATE OR REPLACE FUNCTION rls_perms.live_lock() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    UPDATE rls_perms.installation SET changes = changes + 1;
    RETURN NULL;
END
$function$;
