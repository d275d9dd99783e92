-- A value of the context that policies see, as text. Nothing set, or '', is NULL, which no
-- row equals.
CREATE OR REPLACE FUNCTION rls_perms.setting(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $function$
    SELECT nullif(pg_catalog.current_setting({prefix} OPERATOR(pg_catalog.||) name, true), '')
$function$;
