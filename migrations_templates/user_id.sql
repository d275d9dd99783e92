-- The user that policies see. Nothing set, or '', is NULL, which no row equals. Parsed when it is
-- made, so that nobody's search path changes what it means; and inlined, as SET would not be.
CREATE OR REPLACE FUNCTION rls_perms.user_id() RETURNS {type}
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(pg_catalog.current_setting({setting}, true), '')::{type};
