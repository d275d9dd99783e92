-- The same as session_role, but make the role of the combination in the tenant, and that of the
-- tenant, if they are missing. What it makes follows from the rows in the database.
CREATE OR REPLACE FUNCTION rls_perms.make_session_role(
    asker text, tenant text, OUT role text, OUT user_id text, OUT all_tenants boolean
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
    shape text := 'a';
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
    tenant := tenant::{tenant_type}::text;
    PERFORM rls_perms.make_tenant_role(tenant);
    IF asker IS NOT NULL THEN
        SELECT CASE WHEN {active} IS NOT TRUE THEN 'a' WHEN {superuser} THEN 's' END INTO shape
          FROM {users} AS asking WHERE asking.{key} = asker::{type};
        IF NOT FOUND THEN
            shape := 'a';
        END IF;
    END IF;
    -- It may be that only the tenant's role was missing.
    BEGIN
        SELECT found.role, found.user_id, found.all_tenants INTO role, user_id, all_tenants
          FROM rls_perms.session_role(asker, tenant) AS found;
        RETURN;
    EXCEPTION WHEN SQLSTATE 'RP001' THEN
        PERFORM rls_perms.make_combination(
            (
                SELECT string_agg(held.key, ',' ORDER BY held.key)
                  FROM rls_perms.role_map AS held
                 WHERE held.kind = 'part'
                   AND (held.key = shape OR shape IS NULL AND held.key IN ({held_parts})
                        OR held.key = ({tenant_part}))
            ),
            asker
        );
    END;
    SELECT found.role, found.user_id, found.all_tenants INTO role, user_id, all_tenants
      FROM rls_perms.session_role(asker, tenant) AS found;
END
$function$;
