-- A value of the context that policies see, as text: of the one that was proved, NULL without it.
CREATE OR REPLACE FUNCTION rls_perms.setting(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN CASE WHEN {counts} THEN
    nullif(rls_perms.proven() OPERATOR(pg_catalog.->) 's' OPERATOR(pg_catalog.->>) setting.name, '')
END;
