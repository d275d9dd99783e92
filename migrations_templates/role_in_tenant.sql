-- The session role of a combination in a tenant; NULL as long as nobody had it. In a tenant that
-- does not exist it is the combination's own, which is no tenant's.
CREATE OR REPLACE FUNCTION rls_perms.role_in_tenant(shape text, tenant text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    asked text := concat_ws(',', nullif(shape, ''), {part});
    found text;
BEGIN
    IF tenant IS NULL OR NOT EXISTS (
        SELECT FROM {tenants} AS one WHERE one.{key} = tenant::{type}
    ) THEN
        asked := shape;
    END IF;
    SELECT map.role INTO found
      FROM rls_perms.role_map AS map WHERE map.kind = 'session' AND map.key = asked;
    RETURN found;
END
$function$;
