-- The same as session_role, but make the role of the combination if it is missing. It can
-- make nothing else: what it makes follows from the memberships in the database.
CREATE OR REPLACE FUNCTION rls_perms.make_session_role(
    asker text, tenant text, OUT role text, OUT user_id text, OUT all_tenants boolean
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    found_key text;
    parts text[];
    part text;
    login text;
    short text;
    mark text;
BEGIN
    FOR attempt IN 1..2 LOOP
        BEGIN
            SELECT found.role, found.user_id, found.all_tenants INTO role, user_id, all_tenants
              FROM rls_perms.session_role(asker, tenant) AS found;
            RETURN;
        EXCEPTION WHEN SQLSTATE 'RP001' THEN
            IF current_setting('transaction_read_only')::boolean THEN
                RAISE EXCEPTION
                    'user % needs a session role that nobody had yet, and this transaction is read only',
                    asker
                    USING ERRCODE = 'RP004',
                          HINT = 'Enter the context before the transaction, or run sync_pg_roles.';
            END IF;
        END;
        -- One at a time: the second finds what the first made, and two cannot clash.
        PERFORM pg_advisory_xact_lock({lock});
    END LOOP;
    user_id := asker;
    all_tenants := false;
    SELECT string_agg(held.key, ',' ORDER BY held.key), array_agg(held.role) INTO found_key, parts
      FROM rls_perms.role_map AS held
     WHERE held.kind = 'part' AND held.key IN ({held_parts});
    FOREACH login IN ARRAY {logins}::text[] LOOP
        IF (SELECT count(*) FROM pg_auth_members WHERE member = quote_ident(login)::regrole) >= {most} THEN
            RAISE EXCEPTION
                'user % needs a session role that nobody had yet, and % is a member of % roles already',
                asker, login, {most}
                USING ERRCODE = 'RP005', HINT = {advice};
        END IF;
    END LOOP;
    mark := {mark} || to_json(found_key) || '}}';
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
          FROM unnest(parts) AS name;
        role := {prefix} || '_' || short;
        IF octet_length(role) > 63 OR EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            role := left({prefix} || '_' || regexp_replace(short, '[^a-z0-9_]', '', 'g'), 54)
                || '_' || left(encode(sha256(convert_to({prefix} || ' ' || found_key, 'UTF8')), 'hex'), 8);
        END IF;
        EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXECUTE format('COMMENT ON ROLE %I IS %L', role, mark);
    END IF;
    FOREACH part IN ARRAY parts || {everyone}::text LOOP
        EXECUTE format('GRANT %I TO %I {part_options}', part, role);
    END LOOP;
    FOREACH login IN ARRAY {logins}::text[] LOOP
        EXECUTE format('GRANT %I TO %I {login_options}', role, login);
    END LOOP;
    INSERT INTO rls_perms.role_map (kind, key, role) VALUES ('session', found_key, role);
END
$function$;
