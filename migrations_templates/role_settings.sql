-- The parameters of a role and of those that it is a member of, each once. VOLATILE, so that it
-- sees the memberships of a session role that the same statement made.
CREATE OR REPLACE FUNCTION rls_perms.role_settings(asked text)
    RETURNS TABLE (name text, value text)
LANGUAGE sql VOLATILE SECURITY DEFINER ROWS 2
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT DISTINCT ON (setting.name) setting.name, setting.value
      FROM rls_perms.role_setting AS setting
     WHERE setting.role = asked
        OR setting.role IN (
               SELECT part.rolname
                 FROM pg_auth_members AS held
                 JOIN pg_roles AS part ON part.oid = held.roleid
                 JOIN pg_roles AS member ON member.oid = held.member
                WHERE member.rolname = asked
           )
     ORDER BY setting.name, setting.position DESC
$function$;
