-- A group was given permissions, or lost some. One that is no privilege here concerns nobody.
CREATE OR REPLACE FUNCTION rls_perms.live_on_group_permission() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    changed text;
    keys text[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN
            keys := ARRAY({of_new});
        WHEN 'DELETE' THEN
            keys := ARRAY({of_old});
        WHEN 'UPDATE' THEN
            keys := ARRAY({of_old} UNION {of_new});
        WHEN 'TRUNCATE' THEN
            PERFORM rls_perms.live_all();
            RETURN NULL;
    END CASE;
    FOREACH changed IN ARRAY keys LOOP
        PERFORM rls_perms.live_follow('group', changed);
    END LOOP;
    RETURN NULL;
END
$function$;
