-- A group was made, renamed or deleted.
CREATE OR REPLACE FUNCTION rls_perms.{function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    changed text;
    keys text[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN
            keys := ARRAY(SELECT {key}::text FROM changed_new);
        WHEN 'DELETE' THEN
            keys := ARRAY(SELECT {key}::text FROM changed_old);
        WHEN 'UPDATE' THEN
            keys := ARRAY(
                SELECT coalesce(was.{key}, becomes.{key})::text
                  FROM changed_old AS was
                  FULL JOIN changed_new AS becomes ON becomes.{key} = was.{key}
                 WHERE was.{name} IS DISTINCT FROM becomes.{name}
                 -- Those that are gone first: another may take the name.
                 ORDER BY becomes.{key} IS NOT NULL
            );
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
