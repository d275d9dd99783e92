-- After the statement nobody is the creator of anything any more.
CREATE OR REPLACE FUNCTION rls_perms.forget_new_row() RETURNS trigger
LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_catalog.set_config(TG_ARGV[0], '', true);
    RETURN NULL;
END
$function$;
