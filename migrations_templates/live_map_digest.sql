-- A digest of the map, as Python makes it of the one that it works out.
CREATE OR REPLACE FUNCTION rls_perms.live_map_digest() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT left(encode(sha256(convert_to(coalesce(string_agg(line, E'\n' ORDER BY line), ''), 'UTF8')), 'hex'), 16)
      FROM (
            SELECT concat_ws(E'\t', 'role', kind, name, role, asked::text) COLLATE "C"
              FROM rls_perms.known_role
            UNION ALL
            SELECT concat_ws(E'\t', 'grant', kind, name, schema, object, privilege,
                             array_to_string(columns, ',')) COLLATE "C"
              FROM rls_perms.known_grant
           ) AS lines (line)
$function$;
