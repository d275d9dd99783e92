-- Users were given permissions directly, whose roles carry the privileges then.
CREATE OR REPLACE FUNCTION rls_perms.live_on_user_permission() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    changed text;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM rls_perms.live_all();
        RETURN NULL;
    END IF;
    FOR changed IN
        SELECT DISTINCT permission.name
          FROM changed_new AS given
          JOIN ({permissions}) AS permission ON permission.id = given.{permission}
          JOIN rls_perms.known_role AS known
            ON known.kind = 'permission' AND known.name = permission.name
    LOOP
        PERFORM rls_perms.live_follow('permission', changed);
    END LOOP;
    RETURN NULL;
END
$function$;
