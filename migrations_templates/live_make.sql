-- Make a role, if it is missing, and say what it stands for.
CREATE OR REPLACE FUNCTION rls_perms.live_make(made text, mark text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = made) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', made);
    END IF;
    IF (SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = made)
       IS DISTINCT FROM mark
    THEN
        EXECUTE format('COMMENT ON ROLE %I IS %L', made, mark);
    END IF;
END
$function$;
