-- No tenant has a role: what would find and make such roles goes.
DO $do$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN
        SELECT oid FROM pg_catalog.pg_proc
         WHERE pronamespace OPERATOR(pg_catalog.=) 'rls_perms'::pg_catalog.regnamespace
           AND proname OPERATOR(pg_catalog.=) ANY (ARRAY[
                   'make_named_role', 'named_role_in_tenant', 'make_tenant_role', 'role_in_tenant'
               ]::pg_catalog.name[])
    LOOP
        EXECUTE pg_catalog.format('DROP FUNCTION %s', one);
    END LOOP;
END
$do$;
