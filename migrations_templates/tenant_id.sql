-- The tenant that policies see. Nothing set, or '', is NULL, which no row equals.
CREATE OR REPLACE FUNCTION rls_perms.tenant_id() RETURNS {type}
LANGUAGE sql STABLE PARALLEL SAFE
AS $function$ SELECT nullif(pg_catalog.current_setting({setting}, true), '')::{type} $function$;
