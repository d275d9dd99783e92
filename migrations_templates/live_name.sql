-- The name of the role of a group that settings do not list, as roles.generated_name() makes
-- it; with a key, the one that it has where that is taken.
CREATE OR REPLACE FUNCTION rls_perms.live_name(group_name text, group_key text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    plain text := regexp_replace(group_name, '[^\x01-\u1fff]', '', 'g');
    short text;
    whole text;
    readable boolean;
BEGIN
    IF getdatabaseencoding() = 'UTF8' THEN
        plain := normalize(plain, NFKD);
    END IF;
    short := lower(regexp_replace(plain, '[^\x01-\x7f]', '', 'g') COLLATE "C");
    short := btrim(regexp_replace(short, '[^a-z0-9]+', '_', 'g'), '_');
    readable := short = replace(lower(group_name COLLATE "C"), ' ', '_')
        AND short <> '' AND short <> ALL ({reserved})
        AND NOT EXISTS (SELECT FROM unnest({reserved_starts}) AS start WHERE starts_with(short, start));
    whole := {prefix} || '_' || CASE short WHEN '' THEN 'group' ELSE short END;
    IF NOT readable THEN
        whole := rls_perms.live_shortened(whole, {prefix} || '_' || group_name);
    ELSIF octet_length(whole) > {most} THEN
        whole := rls_perms.live_shortened(whole, whole);
    END IF;
    IF group_key IS NOT NULL THEN
        whole := rls_perms.live_shortened(whole, {prefix} || ' group ' || group_key);
    END IF;
    RETURN whole;
END
$function$;
