-- The user that policies see. Nothing set, or '', is NULL, which no row equals. Parsed when it is
-- made, so that nobody's search path changes what it means; and inlined, as SET would not be. A
-- tenant's login has no user, whatever it sets.
CREATE OR REPLACE FUNCTION rls_perms.user_id() RETURNS {type}
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN {counts} THEN nullif(pg_catalog.current_setting({setting}, true), '')::{type} END;
