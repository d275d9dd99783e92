-- Bring the role of a group or permission up to date. Roles belong to the cluster, and the lock
-- to this database: who meets another at it tries again.
CREATE OR REPLACE FUNCTION rls_perms.live_follow(kind text, changed text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    FOR attempt IN 1..{attempts} LOOP
        BEGIN
            CASE kind
                WHEN 'group' THEN PERFORM rls_perms.live_group(changed);
                WHEN 'permission' THEN PERFORM rls_perms.live_permission(changed);
                WHEN 'tenant' THEN PERFORM rls_perms.live_tenant(changed);
            END CASE;
            RETURN;
        EXCEPTION
            WHEN internal_error OR unique_violation OR duplicate_object OR undefined_object THEN
                IF attempt = {attempts} THEN
                    RAISE;
                END IF;
                PERFORM pg_sleep(random() * 0.02 * attempt);
            WHEN insufficient_privilege THEN
                -- Whoever edits a group is not to blame: what was too much is gone all the same.
                PERFORM rls_perms.live_less(kind, changed);
                RETURN;
        END;
    END LOOP;
END
$function$;
