-- The role of a tenant, made if it is missing; NULL for a tenant that does not exist.
CREATE OR REPLACE FUNCTION rls_perms.make_tenant_role(tenant text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    part text := {part};
    made text := {name};
    mark text := {mark} || to_json(tenant) || '}}';
BEGIN
    IF tenant IS NULL OR NOT EXISTS (
        SELECT FROM {tenants} AS one WHERE one.{key} = tenant::{type}
    ) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM rls_perms.role_map AS map
         WHERE map.kind = 'part' AND map.key = part AND map.role = made
    ) THEN
        RETURN made;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = made) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', made);
        EXECUTE format('COMMENT ON ROLE %I IS %L', made, mark);
    ELSIF (SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = made)
          IS DISTINCT FROM mark
    THEN
        RAISE EXCEPTION 'the role % exists and is not that of tenant %', made, tenant
            USING ERRCODE = 'RP010',
                  HINT = 'Drop that role, or set another RLS_PERMS[''ROLE_PREFIX''].';
    END IF;
    INSERT INTO rls_perms.role_map (kind, key, role) VALUES ('part', part, made)
    ON CONFLICT (kind, key) DO UPDATE SET role = excluded.role;
    RETURN made;
END
$function$;
