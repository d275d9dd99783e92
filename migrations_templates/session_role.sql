-- The role and the user of a context, from the memberships of this moment. Raises where a
-- combination has no role yet, and never answers NULL: the statement behind it would run as
-- the login. One query, since every request asks.
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
BEGIN
    user_id := '';
    all_tenants := false;
    IF asker IS NULL THEN
        role := {anonymous};
        {find_anonymous_user}
        user_id := coalesce(user_id, '');
        RETURN;
    END IF;
    SELECT {active}, {superuser}, session.role INTO active, superuser, role
      FROM {users} AS asking
      LEFT JOIN rls_perms.role_map AS session
        ON session.kind = 'session'
       AND session.key = (
               SELECT coalesce(string_agg(part.key, ',' ORDER BY part.key), '')
                 FROM rls_perms.role_map AS part
                WHERE part.kind = 'part' AND part.key IN ({held_parts})
           )
     WHERE asking.{key} = asker::{type};
    IF active IS NOT TRUE THEN
        role := {anonymous};
        RETURN;
    END IF;
    user_id := asker;
    IF superuser THEN
        all_tenants := tenant IS NULL;
        role := CASE WHEN all_tenants THEN {system} ELSE {superuser_role} END;
    END IF;
    IF role IS NULL THEN
        RAISE EXCEPTION 'no session role stands for the groups and permissions of user %', asker
            USING ERRCODE = 'RP001',
                  HINT = 'Call rls_perms.make_session_role with the same arguments.';
    END IF;
END
$function$;
