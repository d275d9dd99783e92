-- Let nobody belong to a role any more, but its maker, who is no member.
CREATE OR REPLACE FUNCTION rls_perms.live_expel(left_alone text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('{revoke}', left_alone, member.rolname, pg_get_userbyid(held.grantor))
          FROM pg_auth_members AS held
          JOIN pg_roles AS role ON role.oid = held.roleid
          JOIN pg_roles AS member ON member.oid = held.member
         WHERE role.rolname = left_alone AND member.rolname <> current_user
           AND {reached}
    LOOP
        EXECUTE statement;
    END LOOP;
END
$function$;
