-- Make the role of a permission what policies and users ask of it.
CREATE OR REPLACE FUNCTION rls_perms.live_permission(named text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    stands text;
    is_asked boolean;
    part text;
    is_held boolean;
    stale text;
    member text;
BEGIN
    SELECT role, asked INTO stands, is_asked
      FROM rls_perms.known_role WHERE kind = 'permission' AND name = named;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Of several with one name, that which sync takes.
    SELECT 'p' || key INTO part
      FROM ({permissions}) AS permission
     WHERE permission.name = named
     ORDER BY permission.model DESC
     LIMIT 1;
    -- The user's app may have been migrated back to zero.
    IF to_regclass({holders}) IS NULL THEN
        is_held := false;
    ELSE
        is_held := EXISTS ({direct_holders});
    END IF;
    FOR stale IN
        SELECT key FROM rls_perms.role_map AS map
         WHERE map.kind = 'part' AND map.role = stands
           AND (map.key IS DISTINCT FROM part OR NOT (is_asked OR is_held))
    LOOP
        PERFORM rls_perms.live_retire(stands, stale);
    END LOOP;
    IF NOT (is_asked OR is_held) THEN
        RETURN;
    END IF;
    PERFORM rls_perms.live_make(stands, {mark} || to_json(named) || '}}');
    FOR member IN
        SELECT DISTINCT map.role
          FROM ({held}) AS held
          JOIN rls_perms.role_map AS map ON map.kind = 'part' AND map.key = 'g' || held.id
         WHERE held.name = named
           AND NOT EXISTS (
                   SELECT FROM pg_auth_members AS present
                    WHERE present.roleid = (SELECT oid FROM pg_roles WHERE rolname = stands)
                      AND present.member = (SELECT oid FROM pg_roles WHERE rolname = map.role)
               )
    LOOP
        EXECUTE format('GRANT %I TO %I{part_options}', stands, member);
    END LOOP;
    IF part IS NOT NULL THEN
        INSERT INTO rls_perms.role_map (kind, key, role) VALUES ('part', part, stands)
        ON CONFLICT (kind, key) DO UPDATE SET role = excluded.role
         WHERE role_map.role <> excluded.role;
    END IF;
    PERFORM rls_perms.live_grants(stands, CASE WHEN is_held THEN ARRAY[named] ELSE '{{}}' END);
END
$function$;
