-- The role of this project that stands for a named one in a tenant. Raises where nobody had it.
CREATE OR REPLACE FUNCTION rls_perms.named_role_in_tenant(short text, tenant text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    named text := rls_perms.named_role(short);
    shape text := (
        SELECT min(map.key) FROM rls_perms.role_map AS map
         WHERE map.kind = 'session' AND map.role = named
    );
    found text;
BEGIN
    IF shape IS NULL OR shape ~ '(^|,)t' THEN
        RETURN named;
    END IF;
    found := rls_perms.role_in_tenant(shape, tenant::{type}::text);
    IF found IS NULL THEN
        RAISE EXCEPTION 'no session role stands for % in tenant %', named, tenant
            USING ERRCODE = 'RP001',
                  HINT = 'Call rls_perms.make_named_role with the same arguments.';
    END IF;
    RETURN found;
END
$function$;
