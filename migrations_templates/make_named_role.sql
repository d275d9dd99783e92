-- The same as named_role_in_tenant, but make the role if it is missing.
CREATE OR REPLACE FUNCTION rls_perms.make_named_role(short text, tenant text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
BEGIN
    FOR attempt IN 1..2 LOOP
        BEGIN
            RETURN rls_perms.named_role_in_tenant(short, tenant);
        EXCEPTION WHEN SQLSTATE 'RP001' THEN
            IF current_setting('transaction_read_only')::boolean THEN
                RAISE EXCEPTION
                    'the role % in tenant % is one that nobody had yet, and this transaction is read only',
                    short, tenant
                    USING ERRCODE = 'RP004',
                          HINT = 'Enter the context before the transaction, or run sync_pg_roles.';
            END IF;
        END;
        PERFORM pg_advisory_xact_lock({lock});
    END LOOP;
    tenant := tenant::{type}::text;
    PERFORM rls_perms.make_tenant_role(tenant);
    RETURN rls_perms.make_combination(
        concat_ws(',', nullif((
            SELECT min(map.key) FROM rls_perms.role_map AS map
             WHERE map.kind = 'session' AND map.role = rls_perms.named_role(short)
        ), ''), {part}),
        short
    );
END
$function$;
