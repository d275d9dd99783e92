-- A value of the context that policies see, as text. Nothing set, or '', is NULL, which no
-- row equals. For a tenant's login no setting counts.
CREATE OR REPLACE FUNCTION rls_perms.setting(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN {counts} THEN
    nullif(pg_catalog.current_setting({prefix} OPERATOR(pg_catalog.||) setting.name, true), '')
END;
