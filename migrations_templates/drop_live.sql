-- Follow changes no longer: drop what follows them, whatever table it is on.
DO $do$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN
        SELECT oid FROM pg_catalog.pg_proc
         WHERE pronamespace = 'rls_perms'::pg_catalog.regnamespace
           AND pg_catalog.starts_with(proname, 'live_')
           AND proname NOT IN ('live_digest', 'live_map_digest')
    LOOP
        EXECUTE pg_catalog.format('DROP FUNCTION %s CASCADE', one);
    END LOOP;
END
$do$;
DELETE FROM rls_perms.known_grant;
DELETE FROM rls_perms.known_role;
UPDATE rls_perms.installation SET live = '';
