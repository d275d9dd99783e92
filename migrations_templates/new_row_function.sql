-- Remember the key of the row that is being inserted: RETURNING asks SELECT's policies for
-- it, row by row and right after this, so one key is enough however many rows there are.
CREATE OR REPLACE FUNCTION rls_perms.{function}() RETURNS trigger
LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_catalog.set_config({setting}, NEW.{key}::pg_catalog.text, true);
    RETURN NEW;
END
$function$;
