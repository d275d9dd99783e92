-- The tenant that policies see: the one of the context that was proved, and NULL without one.
-- A tenant's login has its own tenant, without a proof.
CREATE OR REPLACE FUNCTION rls_perms.tenant_id() RETURNS {type}
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN CASE
    WHEN {counts} THEN nullif(rls_perms.proven() OPERATOR(pg_catalog.->>) 't', '')::{type}
    ELSE nullif(rls_perms.login_tenant(), '')::{type}
END;
