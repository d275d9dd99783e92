-- The tenant that policies see. Nothing set, or '', is NULL, which no row equals. Parsed when it
-- is made, so that nobody's search path changes what it means; and inlined, as SET would not be. A
-- tenant's login has its own tenant, whatever it sets.
CREATE OR REPLACE FUNCTION rls_perms.tenant_id() RETURNS {type}
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN {counts} THEN nullif(pg_catalog.current_setting({setting}, true), '')::{type}
    ELSE nullif(rls_perms.login_tenant(), '')::{type}
END;
