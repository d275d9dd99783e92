-- Make a role that a policy names, if it is missing. Without CREATEROLE, say what to run.
CREATE OR REPLACE FUNCTION rls_perms.ensure_role(name text, mark text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
        RETURN;
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_roles WHERE rolname = current_user AND (rolcreaterole OR rolsuper)
    ) THEN
        RAISE EXCEPTION 'a policy names the role %, which does not exist, and % may not make roles',
            name, current_user
            USING ERRCODE = 'RP003',
                  HINT = format(
                      'Let a role with CREATEROLE run: CREATE ROLE %I NOLOGIN; '
                      'COMMENT ON ROLE %I IS %L;', name, name, mark
                  );
    END IF;
    EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    EXECUTE format('COMMENT ON ROLE %I IS %L', name, mark);
END
$function$;
