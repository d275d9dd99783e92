-- A digest of the triggers of one function, and of the function itself, as PostgreSQL holds
-- them: one that is dropped, disabled or altered changes it.
CREATE OR REPLACE FUNCTION rls_perms.trigger_digest(target regproc) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT md5(concat_ws(
               E'\n', pg_get_functiondef(target),
               (SELECT string_agg(tgenabled::text || pg_get_triggerdef(oid), E'\n' ORDER BY tgname)
                  FROM pg_trigger WHERE tgfoid = target)
           ))
$function$;
