-- Let a role stand for a group or permission no longer: it loses all that it was given, and
-- so do the session roles of combinations with it. It stays, with its name.
CREATE OR REPLACE FUNCTION rls_perms.live_retire(retired text, part text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    session text;
BEGIN
    FOR session IN
        DELETE FROM rls_perms.role_map
         WHERE kind = 'session' AND part = ANY (string_to_array(key, ','))
        RETURNING role
    LOOP
        PERFORM rls_perms.live_expel(session), rls_perms.live_belongs(session, '{{}}');
    END LOOP;
    DELETE FROM rls_perms.role_map WHERE kind = 'part' AND key = part;
    PERFORM rls_perms.live_expel(retired), rls_perms.live_belongs(retired, '{{}}'),
            rls_perms.live_grants(retired, '{{}}');
END
$function$;
