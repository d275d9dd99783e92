-- Make the role of a group, which belongs to everyone's, and which the logins may become.
CREATE OR REPLACE FUNCTION rls_perms.live_stand(made text, mark text, parts text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    login text;
BEGIN
    PERFORM rls_perms.live_make(made, mark);
    PERFORM rls_perms.live_belongs(made, parts || {everyone}::text);
    FOREACH login IN ARRAY {logins}::text[] LOOP
        IF NOT EXISTS (
            SELECT FROM pg_auth_members AS held
             WHERE held.roleid = (SELECT oid FROM pg_roles WHERE rolname = made)
               AND held.member = (SELECT oid FROM pg_roles WHERE rolname = login)
               AND {is_login}
        ) THEN
            EXECUTE format('GRANT %I TO %I{login_options}', made, login);
        END IF;
    END LOOP;
END
$function$;
