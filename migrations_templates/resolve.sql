-- Find the role of a user from the memberships of this moment. The owner's alone: what the
-- login may call are session_role and make_session_role, which look here.
CREATE OR REPLACE FUNCTION rls_perms.resolve(
    asker text, tenant text, OUT role text, OUT user_id text, OUT key text, OUT parts text[]
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    active boolean;
    superuser boolean;
BEGIN
    IF asker IS NULL THEN
        role := {anonymous};
        {find_anonymous_user}
        RETURN;
    END IF;
    {find_user}
    IF active IS NOT TRUE THEN
        role := {anonymous};
        RETURN;
    END IF;
    user_id := asker;
    IF superuser THEN
        role := CASE WHEN tenant IS NULL THEN {system} ELSE {superuser} END;
        RETURN;
    END IF;
    SELECT coalesce(string_agg(part.key, ',' ORDER BY part.key), ''), array_agg(part.role)
      INTO key, parts
      FROM rls_perms.role_map AS part
     WHERE part.kind = 'part' AND part.key IN ({held_parts});
    SELECT session.role INTO role
      FROM rls_perms.role_map AS session
     WHERE session.kind = 'session' AND session.key = resolve.key;
END
$function$;
