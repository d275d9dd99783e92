-- Let guardian's grants follow the rows of one table: whoever makes a row is granted what its
-- declaration says, and grants go when the row or its key goes. Nobody but the owner may make a
-- trigger of it: on a table of one's own it would grant anything.
CREATE OR REPLACE FUNCTION rls_perms.{function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN
            {on_insert}
        WHEN 'DELETE' THEN
            {on_delete}
        WHEN 'UPDATE' THEN
            {on_update}
        WHEN 'TRUNCATE' THEN
            {on_truncate}
    END CASE;
    RETURN NULL;
END
$function$;
REVOKE ALL ON FUNCTION rls_perms.{function}() FROM PUBLIC;
