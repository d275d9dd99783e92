-- Make the role of a tenant, with what only some tenants have; that of one that is gone loses all.
CREATE OR REPLACE FUNCTION rls_perms.live_tenant(tenant text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    part text := {part};
    present text := (
        SELECT map.role FROM rls_perms.role_map AS map WHERE map.kind = 'part' AND map.key = part
    );
BEGIN
    IF EXISTS (SELECT FROM {tenants} AS one WHERE one.{key} = tenant::{type}) THEN
        PERFORM rls_perms.live_grants(rls_perms.make_tenant_role(tenant), '{{}}');
    ELSIF present IS NOT NULL THEN
        PERFORM rls_perms.live_retire(present, part);
    END IF;
END
$function$;
