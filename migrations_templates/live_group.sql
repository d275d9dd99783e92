-- Make the role of a group what its name and its permissions say; of one that is gone, nothing.
CREATE OR REPLACE FUNCTION rls_perms.live_group(group_key text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    part text := 'g' || group_key;
    group_name text := (SELECT one.name FROM ({groups}) AS one WHERE one.id = group_key::{type});
    present text := (SELECT role FROM rls_perms.role_map WHERE kind = 'part' AND key = part);
    bound text := (SELECT name FROM rls_perms.known_role WHERE kind = 'group' AND role = present);
    mark text := {mark} || ', "id": ' || to_json(group_key);
    wanted text;
    is_bound boolean;
    other text;
    held text[];
BEGIN
    IF group_name IS NULL THEN
        IF present IS NOT NULL THEN
            PERFORM rls_perms.live_retire(present, part);
        END IF;
        IF bound IS NOT NULL THEN
            PERFORM rls_perms.live_stand(present, {mark} || ', "bound": ' || to_json(bound) || '}}', '{{}}');
        END IF;
        RETURN;
    END IF;
    IF bound <> group_name THEN
        RAISE EXCEPTION 'the group % cannot be renamed to %: settings or a policy name it',
            quote_literal(bound), quote_literal(group_name)
            USING ERRCODE = 'RP008', HINT = format(
                'Write %L there first (RLS_PERMS[''GROUP_ROLES''], Group(%L)), run migrate or '
                'sync_pg_roles, and rename it then.', group_name, group_name
            );
    END IF;
    SELECT role INTO wanted
      FROM rls_perms.known_role WHERE kind = 'group' AND name = group_name;
    is_bound := FOUND;
    IF is_bound THEN
        mark := mark || ', "bound": ' || to_json(group_name);
    ELSIF present IN (
        rls_perms.live_name(group_name, NULL), rls_perms.live_name(group_name, group_key)
    ) THEN
        wanted := present;
    ELSE
        wanted := rls_perms.live_name(group_name, NULL);
        -- It may be somebody's; not if it only stood for a group that is gone.
        IF EXISTS (
            SELECT
              FROM pg_roles
             WHERE rolname = wanted
               AND (
                    NOT starts_with(coalesce(shobj_description(oid, 'pg_authid'), ''), {mark} || ', "id": ')
                    OR shobj_description(oid, 'pg_authid') LIKE '%, "bound": %'
                    OR EXISTS (
                        SELECT FROM ({groups}) AS one
                         WHERE shobj_description(oid, 'pg_authid')
                               = {mark} || ', "id": ' || to_json(one.id::text) || '}}'
                    )
                   )
        ) THEN
            wanted := rls_perms.live_name(group_name, group_key);
        END IF;
    END IF;
    IF present <> wanted THEN
        IF is_bound OR EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
           OR NOT EXISTS (SELECT FROM pg_roles WHERE rolname = present)
        THEN
            PERFORM rls_perms.live_retire(present, part);
        ELSE
            EXECUTE format('ALTER ROLE %I RENAME TO %I', present, wanted);
            UPDATE rls_perms.role_map SET role = wanted WHERE role = present;
        END IF;
    END IF;
    FOR other IN
        SELECT key FROM rls_perms.role_map AS map
         WHERE map.kind = 'part' AND map.role = wanted AND map.key <> part
    LOOP
        PERFORM rls_perms.live_retire(wanted, other);
    END LOOP;
    held := ARRAY(SELECT DISTINCT one.name FROM ({held}) AS one WHERE one.id = group_key::{type});
    PERFORM rls_perms.live_stand(
        wanted, mark || '}}', ARRAY(
            SELECT known.role
              FROM rls_perms.known_role AS known
             WHERE known.kind = 'permission' AND known.name = ANY (held)
               AND (known.asked OR EXISTS (
                       SELECT FROM rls_perms.role_map AS map
                        WHERE map.kind = 'part' AND map.role = known.role
                   ))
        )
    );
    PERFORM rls_perms.live_grants(wanted, held);
    INSERT INTO rls_perms.role_map (kind, key, role)
    VALUES ('part', part, wanted), ('session', part, wanted)
    ON CONFLICT (kind, key) DO UPDATE SET role = excluded.role
     WHERE role_map.role <> excluded.role;
END
$function$;
