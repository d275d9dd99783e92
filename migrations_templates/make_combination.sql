-- Make the session role of a combination of parts, by their keys; who asks is for messages.
CREATE OR REPLACE FUNCTION rls_perms.make_combination(asked text, asker text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    parts text[] := ARRAY(
        SELECT held.role FROM rls_perms.role_map AS held
         WHERE held.kind = 'part' AND held.key = ANY (string_to_array(asked, ','))
    );
    logins text[] := rls_perms.serving(asked);
    named text[] := parts;
    part text;
    login text;
    short text;
    mark text := {mark} || to_json(asked) || '}}';
    made text;
BEGIN
    FOREACH login IN ARRAY logins LOOP
        IF (SELECT count(*) FROM pg_auth_members WHERE member = quote_ident(login)::regrole) >= {most} THEN
            RAISE EXCEPTION
                'user % needs a session role that nobody had yet, and % is a member of % roles already',
                asker, login, {most}
                USING ERRCODE = 'RP005', HINT = {advice};
        END IF;
    END LOOP;
    -- Anonymous and superuser roles do not belong to everyone's.
    IF asked !~ '^[as](,|$)' THEN
        parts := parts || {everyone}::text;
        IF asked ~ '^t' THEN
            named := parts;
        END IF;
    END IF;
    -- One that stood for the same before and lost everything since: it keeps its name.
    SELECT rolname INTO made
      FROM pg_roles AS idle
     WHERE starts_with(rolname, {prefix} || '_')
       AND shobj_description(oid, 'pg_authid') = mark
       AND NOT EXISTS (SELECT FROM pg_auth_members AS held WHERE held.member = idle.oid)
     ORDER BY rolname COLLATE "C"
     LIMIT 1;
    IF made IS NULL THEN
        SELECT string_agg(substr(name, length({prefix}) + 2), '_' ORDER BY name COLLATE "C") INTO short
          FROM unnest(named) AS name;
        made := {prefix} || '_' || short;
        IF octet_length(made) > 63 OR EXISTS (SELECT FROM pg_roles WHERE rolname = made) THEN
            made := left({prefix} || '_' || regexp_replace(short, '[^a-z0-9_]', '', 'g'), 54)
                || '_' || left(encode(sha256(convert_to({prefix} || ' ' || asked, 'UTF8')), 'hex'), 8);
        END IF;
        EXECUTE format('CREATE ROLE %I NOLOGIN', made);
        EXECUTE format('COMMENT ON ROLE %I IS %L', made, mark);
    END IF;
    FOREACH part IN ARRAY parts LOOP
        EXECUTE format('GRANT %I TO %I {part_options}', part, made);
    END LOOP;
    FOREACH login IN ARRAY logins LOOP
        EXECUTE format('GRANT %I TO %I {login_options}', made, login);
    END LOOP;
    INSERT INTO rls_perms.role_map (kind, key, role) VALUES ('session', asked, made);
    RETURN made;
END
$function$;
