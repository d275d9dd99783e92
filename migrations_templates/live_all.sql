-- Bring everything up to date: where nobody says which rows changed.
CREATE OR REPLACE FUNCTION rls_perms.live_all() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    changed text;
BEGIN
    FOR changed IN SELECT name FROM rls_perms.known_role WHERE kind = 'permission' LOOP
        PERFORM rls_perms.live_follow('permission', changed);
    END LOOP;
    FOR changed IN
        SELECT one.id::text FROM ({groups}) AS one
        UNION
        SELECT substr(key, 2) FROM rls_perms.role_map WHERE kind = 'part' AND key LIKE 'g%'
    LOOP
        PERFORM rls_perms.live_follow('group', changed);
    END LOOP;
    FOR changed IN
        {tenants}
        UNION
        SELECT replace(replace(substr(key, 2), '%2C', ','), '%25', '%')
          FROM rls_perms.role_map WHERE kind = 'part' AND key LIKE 't%'
    LOOP
        PERFORM rls_perms.live_follow('tenant', changed);
    END LOOP;
END
$function$;
