-- Let nobody belong to a role any more, but its maker, who is no member.
CREATE OR REPLACE FUNCTION rls_perms.live_expel(left_alone text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    left_oid oid := (SELECT oid FROM pg_roles WHERE rolname = left_alone);
    change record;
BEGIN
    FOR change IN
        SELECT pg_get_userbyid(held.member) AS member, pg_get_userbyid(held.grantor) AS grantor
          FROM pg_auth_members AS held
         WHERE held.roleid = left_oid AND pg_get_userbyid(held.member) <> current_user
           AND {reached}
    LOOP
        EXECUTE format('{revoke}', left_alone, change.member, change.grantor);
    END LOOP;
END
$function$;
