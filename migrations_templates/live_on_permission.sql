-- A permission was made, renamed or deleted: its role, and the groups that hold it.
CREATE OR REPLACE FUNCTION rls_perms.live_on_permission() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    changed text;
    ids text[];
    names text[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN
            ids := ARRAY(SELECT {key}::text FROM changed_new);
        WHEN 'DELETE' THEN
            ids := ARRAY(SELECT {key}::text FROM changed_old);
        WHEN 'UPDATE' THEN
            ids := ARRAY(
                SELECT coalesce(was.{key}, becomes.{key})::text
                  FROM changed_old AS was
                  FULL JOIN changed_new AS becomes ON becomes.{key} = was.{key}
                 WHERE was.{codename} IS DISTINCT FROM becomes.{codename}
                    OR was.{content_type} IS DISTINCT FROM becomes.{content_type}
            );
        WHEN 'TRUNCATE' THEN
            PERFORM rls_perms.live_all();
            RETURN NULL;
    END CASE;
    -- The names that they had, and those that they have.
    names := ARRAY(
        SELECT known.name
          FROM rls_perms.role_map AS map
          JOIN rls_perms.known_role AS known ON known.kind = 'permission' AND known.role = map.role
         WHERE map.kind = 'part' AND map.key IN (SELECT 'p' || id FROM unnest(ids) AS id)
        UNION
        SELECT permission.name
          FROM ({permissions}) AS permission
          JOIN rls_perms.known_role AS known
            ON known.kind = 'permission' AND known.name = permission.name
         WHERE permission.key = ANY (ids)
    );
    FOREACH changed IN ARRAY names LOOP
        PERFORM rls_perms.live_follow('permission', changed);
    END LOOP;
    IF TG_OP <> 'INSERT' THEN
        FOR changed IN
            SELECT DISTINCT {group}::text FROM {group_permissions} WHERE {permission}::text = ANY (ids)
        LOOP
            PERFORM rls_perms.live_follow('group', changed);
        END LOOP;
    END IF;
    RETURN NULL;
END
$function$;
