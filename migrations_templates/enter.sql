-- Verify a token that the application signed, find its role, and prove the context for the rest of
-- the transaction. The only function of ours that the login may call where contexts are signed.
CREATE OR REPLACE FUNCTION rls_perms.enter(
    token text,
    OUT role text, OUT user_id text, OUT all_tenants boolean, OUT settings json, OUT proof text
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    body text := substr(token, 65);
    said jsonb;
    late numeric;
    key record;
    signed boolean := false;
BEGIN
    FOR key IN SELECT inside, outside FROM rls_perms.signing_key ORDER BY position LOOP
        signed := signed OR sha256(convert_to(left(token, 64), 'UTF8')) = sha256(convert_to(
            encode(sha256(key.outside || sha256(key.inside || convert_to(body, 'UTF8'))), 'hex'),
            'UTF8'
        ));
    END LOOP;
    IF signed IS NOT TRUE THEN
        RAISE EXCEPTION 'the context is not signed with a key that this database knows'
            USING ERRCODE = 'RP023',
                  HINT = 'Run sync_pg_roles with the settings of the application: it writes the keys.';
    END IF;
    said := body::jsonb;
    late := extract(epoch FROM clock_timestamp()) - (said ->> 'expires')::numeric;
    IF late > 0 THEN
        RAISE EXCEPTION 'the signature of the context expired % s ago', round(late, 1)
            USING ERRCODE = 'RP024',
                  HINT = 'It is made with each transaction: compare the clocks of both machines.';
    END IF;
    IF said ->> 'database' IS DISTINCT FROM current_database() THEN
        RAISE EXCEPTION 'the context is signed for the database "%", and this is "%"',
            said ->> 'database', current_database()
            USING ERRCODE = 'RP025',
                  HINT = 'Call it in DATABASES, and in a pooler between, what PostgreSQL calls it.';
    END IF;
    IF (said ->> 'backend')::integer <> pg_backend_pid() THEN
        RAISE EXCEPTION 'the context is signed for the backend %, and this is %',
            said ->> 'backend', pg_backend_pid()
            USING ERRCODE = 'RP026',
                  HINT = 'Through a pooler, such as PgBouncer, set RLS_PERMS[''SIGNED_TO_BACKEND''] to False.';
    END IF;
    all_tenants := false;
    IF said ->> 'known' IS NOT NULL THEN
        -- What an earlier transaction of the same context was answered.
        role := said -> 'known' ->> 'role';
        user_id := said -> 'known' ->> 'user';
    ELSIF said ->> 'asker' IN ('role', 'system') THEN
        user_id := '';
        IF (said ->> 'in_tenant')::boolean IS NOT TRUE THEN
            role := rls_perms.named_role(said ->> 'role');
        ELSIF (said ->> 'make')::boolean THEN
            role := rls_perms.make_named_role(said ->> 'role', said ->> 'tenant');
        ELSE
            role := rls_perms.named_role_in_tenant(said ->> 'role', said ->> 'tenant');
        END IF;
    ELSIF (said ->> 'make')::boolean THEN
        SELECT found.role, found.user_id, found.all_tenants INTO role, user_id, all_tenants
          FROM rls_perms.make_session_role(said ->> 'user', said ->> 'tenant') AS found;
    ELSE
        SELECT found.role, found.user_id, found.all_tenants INTO role, user_id, all_tenants
          FROM rls_perms.session_role(said ->> 'user', said ->> 'tenant') AS found;
    END IF;
    IF (said ->> 'parameters')::boolean THEN
        SELECT json_agg(json_build_array(one.name, one.value)) INTO settings
          FROM rls_perms.role_settings(role) AS one;
    END IF;
    body := json_build_object(
        'u', user_id, 't', said ->> 'tenant', 'r', role, 's', said -> 'settings'
    )::text;
    proof := rls_perms.sealed('proof', body) || body;
    IF proof IS NULL THEN
        RAISE EXCEPTION 'the database has no key of its own to prove a context with'
            USING ERRCODE = 'RP027',
                  HINT = 'A dump may leave it out. Run sync_pg_roles, which makes another.';
    END IF;
END
$function$;
