-- A digest of the live triggers and their functions as PostgreSQL holds them: one that is
-- dropped, disabled or changed changes it. NULL if there are none.
CREATE OR REPLACE FUNCTION rls_perms.live_digest() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT md5(string_agg(line, E'\n' ORDER BY line COLLATE "C"))
      FROM (
            SELECT concat_ws('|', tgenabled, pg_get_triggerdef(oid))
              FROM pg_trigger
             WHERE starts_with(tgname, 'rls_perms_live_') AND NOT tgisinternal
            UNION ALL
            SELECT concat_ws('|', proowner::regrole, pg_get_functiondef(oid))
              FROM pg_proc
             WHERE pronamespace = 'rls_perms'::regnamespace
               AND starts_with(proname, 'live_')
               AND proname NOT IN ('live_digest', 'live_map_digest')
           ) AS parts (line)
$function$;
