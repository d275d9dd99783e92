-- Remember the key of the row that is being inserted, and a seal on all of the row. Anybody can set
-- a key; but the seal shows a row that is like the one being inserted in every column, so whoever
-- inserts the key of another row is shown nothing.
CREATE OR REPLACE FUNCTION rls_perms.{function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    {columns}
    PERFORM pg_catalog.set_config({seal}, rls_perms.sealed(
        {seal},
        (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) {generated})::pg_catalog.text
    ), true);
    RETURN NEW;
END
$function$;
REVOKE ALL ON FUNCTION rls_perms.{function}() FROM PUBLIC;
