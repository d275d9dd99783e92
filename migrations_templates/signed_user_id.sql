-- The user that policies see: the one of the context that was proved, and NULL without one. A
-- tenant's login has no user.
CREATE OR REPLACE FUNCTION rls_perms.user_id() RETURNS {type}
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN CASE WHEN {counts} THEN
    nullif(rls_perms.proven() OPERATOR(pg_catalog.->>) 'u', '')::{type}
END;
