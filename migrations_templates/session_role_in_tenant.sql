-- The role and the user of a context where each tenant has a role: a session role is one
-- tenant's and one combination's. As session_role, it raises where there is no role yet, and
-- never answers NULL. A tenant that does not exist is none: its context sees no tenant's rows.
CREATE OR REPLACE FUNCTION rls_perms.session_role(
    asker text, tenant text, OUT role text, OUT user_id text, OUT all_tenants boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    active boolean;
    superuser boolean;
    found_key text;
BEGIN
    user_id := '';
    all_tenants := false;
    tenant := tenant::{tenant_type}::text;
    IF asker IS NULL THEN
        {find_anonymous_user}
        user_id := coalesce(user_id, '');
        role := rls_perms.role_in_tenant('a', tenant);
    ELSE
        SELECT {active}, {superuser}, session.role, session.key
          INTO active, superuser, role, found_key
          FROM {users} AS asking
          LEFT JOIN rls_perms.role_map AS session
            ON session.kind = 'session'
           AND session.key = (
                   SELECT coalesce(string_agg(part.key, ',' ORDER BY part.key), '')
                     FROM rls_perms.role_map AS part
                    WHERE part.kind = 'part' AND part.key IN ({held_parts} UNION ALL {tenant_part})
               )
         WHERE asking.{key} = asker::{type};
        IF active IS NOT TRUE THEN
            role := rls_perms.role_in_tenant('a', tenant);
        ELSE
            user_id := asker;
            IF superuser THEN
                all_tenants := tenant IS NULL;
                role := CASE
                    WHEN all_tenants THEN {system} ELSE rls_perms.role_in_tenant('s', tenant)
                END;
            ELSIF tenant IS NOT NULL AND ({tenant_part}) <> ALL (string_to_array(found_key, ',')) THEN
                -- The tenant may be new, and have no role yet.
                IF {tenant_exists} THEN
                    role := NULL;
                END IF;
            END IF;
        END IF;
    END IF;
    IF role IS NULL THEN
        RAISE EXCEPTION 'no session role stands for user % in tenant % yet', asker, tenant
            USING ERRCODE = 'RP001',
                  HINT = 'Call rls_perms.make_session_role with the same arguments.';
    END IF;
END
$function$;
