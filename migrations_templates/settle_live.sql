-- What an older version left goes; what is left is the owner's, whoever made it.
DO $do$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT tgname, tgrelid::pg_catalog.regclass AS of
          FROM pg_catalog.pg_trigger
         WHERE pg_catalog.starts_with(tgname, 'rls_perms_live_') AND NOT tgisinternal
           AND tgrelid <> ALL ({tables}::pg_catalog.regclass[])
    LOOP
        EXECUTE pg_catalog.format('DROP TRIGGER %I ON %s', one.tgname, one.of);
    END LOOP;
    FOR one IN
        SELECT oid::pg_catalog.regprocedure AS name, proname = ANY ({functions}) AS stays
          FROM pg_catalog.pg_proc
         WHERE pronamespace = 'rls_perms'::pg_catalog.regnamespace
           AND pg_catalog.starts_with(proname, 'live_')
           AND proname NOT IN ('live_digest', 'live_map_digest')
    LOOP
        IF one.stays THEN
            EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO %I', one.name, {owner});
        ELSE
            EXECUTE pg_catalog.format('DROP FUNCTION %s', one.name);
        END IF;
    END LOOP;
    EXECUTE pg_catalog.format('ALTER TABLE rls_perms.known_role OWNER TO %I', {owner});
    EXECUTE pg_catalog.format('ALTER TABLE rls_perms.known_grant OWNER TO %I', {owner});
END
$do$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA rls_perms FROM PUBLIC;
