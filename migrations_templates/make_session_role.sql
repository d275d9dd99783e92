-- The same as session_role, but make the role of the combination if it is missing. It can
-- make nothing else: what it makes follows from the memberships in the database.
CREATE OR REPLACE FUNCTION rls_perms.make_session_role(
    asker text, tenant text, OUT role text, OUT user_id text, OUT all_tenants boolean
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
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
    SELECT rls_perms.make_combination(string_agg(held.key, ',' ORDER BY held.key), asker) INTO role
      FROM rls_perms.role_map AS held
     WHERE held.kind = 'part' AND held.key IN ({held_parts});
END
$function$;
