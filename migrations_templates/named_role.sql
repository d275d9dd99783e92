-- The full name of a role of this project, for as_role() and as_system().
CREATE OR REPLACE FUNCTION rls_perms.named_role(short text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {prefix} || '_' || short
                      AND starts_with(shobj_description(oid, 'pg_authid'), 'rls_perms ')) THEN
        RAISE EXCEPTION 'there is no role %', {prefix} || '_' || short
            USING ERRCODE = 'RP002',
                  HINT = 'Name a role without its prefix, and run sync_pg_roles if it is new.';
    END IF;
    RETURN {prefix} || '_' || short;
END
$function$;
