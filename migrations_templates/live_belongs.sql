-- Let a role belong to these roles, and to none else.
CREATE OR REPLACE FUNCTION rls_perms.live_belongs(belonging text, roles text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    belonging_oid oid := (SELECT oid FROM pg_roles WHERE rolname = belonging);
    change record;
BEGIN
    FOR change IN
        SELECT pg_get_userbyid(held.roleid) AS role, pg_get_userbyid(held.grantor) AS grantor
          FROM pg_auth_members AS held
         WHERE held.member = belonging_oid AND pg_get_userbyid(held.roleid) <> ALL (roles)
           AND {reached}
    LOOP
        EXECUTE format('{revoke}', change.role, belonging, change.grantor);
    END LOOP;
    FOR change IN
        SELECT one.rolname AS role
          FROM pg_roles AS one
         WHERE one.rolname = ANY (roles) AND belonging_oid IS NOT NULL
           AND NOT EXISTS (
                   SELECT FROM pg_auth_members AS held
                    WHERE held.roleid = one.oid AND held.member = belonging_oid AND {is_part}
               )
    LOOP
        EXECUTE format('GRANT %I TO %I{part_options}', change.role, belonging);
    END LOOP;
END
$function$;
