-- A name of ASCII, cut, with a digest of what tells it from others, as identifiers.shortened().
CREATE OR REPLACE FUNCTION rls_perms.live_shortened(whole text, told_by text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT left(whole, {most} - 9) || '_' || left(encode(sha256(convert_to(told_by, 'UTF8')), 'hex'), 8)
$function$;
