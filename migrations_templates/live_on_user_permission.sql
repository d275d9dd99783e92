-- Users were given permissions directly, or lost some: the role of a permission carries its
-- privileges while anybody holds it so.
CREATE OR REPLACE FUNCTION rls_perms.live_on_user_permission() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    changed text;
    names text[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN
            names := ARRAY({of_new});
        WHEN 'DELETE' THEN
            names := ARRAY({of_old});
        WHEN 'UPDATE' THEN
            names := ARRAY({of_old} UNION {of_new});
        WHEN 'TRUNCATE' THEN
            PERFORM rls_perms.live_all();
            RETURN NULL;
    END CASE;
    FOREACH changed IN ARRAY names LOOP
        PERFORM rls_perms.live_follow('permission', changed);
    END LOOP;
    RETURN NULL;
END
$function$;
