-- Let a role belong to these roles, and to none else.
CREATE OR REPLACE FUNCTION rls_perms.live_belongs(belonging text, roles text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('{revoke}', role.rolname, belonging, pg_get_userbyid(held.grantor))
          FROM pg_auth_members AS held
          JOIN pg_roles AS role ON role.oid = held.roleid
          JOIN pg_roles AS member ON member.oid = held.member
         WHERE member.rolname = belonging AND role.rolname <> ALL (roles)
           AND {reached}
        UNION ALL
        SELECT format('GRANT %I TO %I{part_options}', role.rolname, belonging)
          FROM pg_roles AS role
         WHERE role.rolname = ANY (roles)
           AND NOT EXISTS (
                   SELECT
                     FROM pg_auth_members AS held
                     JOIN pg_roles AS member ON member.oid = held.member
                    WHERE held.roleid = role.oid AND member.rolname = belonging AND {is_part}
               )
    LOOP
        EXECUTE statement;
    END LOOP;
END
$function$;
