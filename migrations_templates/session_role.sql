-- The role and the user of a context. Raises where a combination has no role yet, and never
-- answers NULL: the statement behind it would run as the login.
CREATE OR REPLACE FUNCTION rls_perms.session_role(
    asker text, tenant text, OUT role text, OUT user_id text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    SELECT found.role, coalesce(found.user_id, '') INTO role, user_id
      FROM rls_perms.resolve(asker, tenant) AS found;
    IF role IS NULL THEN
        RAISE EXCEPTION 'no session role stands for the groups and permissions of user %', asker
            USING ERRCODE = 'RP001',
                  HINT = 'Call rls_perms.make_session_role with the same arguments.';
    END IF;
END
$function$;
