-- Where the owner may not change roles any more: bring up to date what takes no such right, the
-- privileges on tables. What would be too much otherwise stands for nobody until the next sync.
CREATE OR REPLACE FUNCTION rls_perms.live_less(kind text, changed text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    part text;
    stands text;
    held text[];
    stays boolean;
BEGIN
    RAISE WARNING '% may not change roles, so % % is not followed in full', current_user, kind, changed
        USING HINT = 'Give it CREATEROLE, and run sync_pg_roles.';
    IF kind = 'tenant' THEN
        -- What is made later stands for it then; of one that is gone there are no rows.
        RETURN;
    END IF;
    IF kind = 'group' THEN
        part := 'g' || changed;
        stands := (SELECT map.role FROM rls_perms.role_map AS map WHERE map.kind = 'part' AND map.key = part);
        held := ARRAY(SELECT DISTINCT one.name FROM ({held}) AS one WHERE one.id = changed::{type});
        stays := EXISTS (SELECT FROM ({groups}) AS one WHERE one.id = changed::{type})
            AND NOT EXISTS (
                SELECT
                  FROM pg_auth_members AS member
                  JOIN rls_perms.known_role AS known ON known.role = pg_get_userbyid(member.roleid)
                 WHERE pg_get_userbyid(member.member) = stands
                   AND known.kind = 'permission' AND known.name <> ALL (held)
            );
    ELSE
        SELECT known.role, known.asked INTO stands, stays
          FROM rls_perms.known_role AS known WHERE known.kind = 'permission' AND known.name = changed;
        part := (SELECT map.key FROM rls_perms.role_map AS map WHERE map.kind = 'part' AND map.role = stands);
        IF to_regclass({holders}) IS NULL THEN
            held := '{{}}';
        ELSE
            held := ARRAY(SELECT changed WHERE EXISTS ({direct_holders}));
        END IF;
        stays := (stays OR held <> '{{}}')
            AND EXISTS (SELECT FROM ({permissions}) AS one WHERE one.name = changed AND 'p' || one.key = part);
    END IF;
    PERFORM rls_perms.live_grants(stands, held);
    IF NOT stays THEN
        DELETE FROM rls_perms.role_map AS map
         WHERE map.kind = 'session' AND part = ANY (string_to_array(map.key, ','))
            OR map.kind = 'part' AND map.key = part;
    END IF;
END
$function$;
