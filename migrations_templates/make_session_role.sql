-- The same as session_role, but make the role of the combination if it is missing. It can
-- make nothing else: what it makes follows from the memberships in the database.
CREATE OR REPLACE FUNCTION rls_perms.make_session_role(
    asker text, tenant text, OUT role text, OUT user_id text
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    found record;
    part text;
    login text;
    short text;
    mark text;
BEGIN
    SELECT * INTO found FROM rls_perms.resolve(asker, tenant);
    IF found.role IS NULL THEN
        IF current_setting('transaction_read_only')::boolean THEN
            RAISE EXCEPTION
                'user % needs a session role that nobody had yet, and this transaction is read only',
                asker
                USING ERRCODE = 'RP004',
                      HINT = 'Enter the context before the transaction, or run sync_pg_roles.';
        END IF;
        -- One at a time: the second finds what the first made, and two cannot clash.
        PERFORM pg_advisory_xact_lock({lock});
        SELECT * INTO found FROM rls_perms.resolve(asker, tenant);
    END IF;
    role := found.role;
    user_id := coalesce(found.user_id, '');
    IF role IS NOT NULL THEN
        RETURN;
    END IF;
    FOREACH login IN ARRAY {logins}::text[] LOOP
        IF (SELECT count(*) FROM pg_auth_members WHERE member = quote_ident(login)::regrole) >= {most} THEN
            RAISE EXCEPTION
                'user % needs a session role that nobody had yet, and % is a member of % roles already',
                asker, login, {most}
                USING ERRCODE = 'RP005', HINT = {advice};
        END IF;
    END LOOP;
    mark := {mark} || to_json(found.key) || '}}';
    -- One that stood for the same before and lost everything since: it keeps its name.
    SELECT rolname INTO role
      FROM pg_roles AS idle
     WHERE starts_with(rolname, {prefix} || '_')
       AND shobj_description(oid, 'pg_authid') = mark
       AND NOT EXISTS (SELECT FROM pg_auth_members WHERE member = idle.oid)
     ORDER BY rolname COLLATE "C"
     LIMIT 1;
    IF role IS NULL THEN
        SELECT string_agg(substr(name, length({prefix}) + 2), '_' ORDER BY name COLLATE "C") INTO short
          FROM unnest(found.parts) AS name;
        role := {prefix} || '_' || short;
        IF octet_length(role) > 63 OR EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            role := left({prefix} || '_' || regexp_replace(short, '[^a-z0-9_]', '', 'g'), 54)
                || '_' || left(encode(sha256(convert_to({prefix} || ' ' || found.key, 'UTF8')), 'hex'), 8);
        END IF;
        EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXECUTE format('COMMENT ON ROLE %I IS %L', role, mark);
    END IF;
    FOREACH part IN ARRAY found.parts || {everyone}::text LOOP
        EXECUTE format('GRANT %I TO %I {part_options}', part, role);
    END LOOP;
    FOREACH login IN ARRAY {logins}::text[] LOOP
        EXECUTE format('GRANT %I TO %I {login_options}', role, login);
    END LOOP;
    INSERT INTO rls_perms.role_map (kind, key, role) VALUES ('session', found.key, role);
END
$function$;
