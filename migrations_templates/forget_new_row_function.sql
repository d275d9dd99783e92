-- After the statement nobody is the creator of anything any more.
CREATE OR REPLACE FUNCTION rls_perms.forget_new_row() RETURNS trigger
LANGUAGE plpgsql
AS $function$
DECLARE
    setting text;
BEGIN
    FOREACH setting IN ARRAY TG_ARGV LOOP
        PERFORM pg_catalog.set_config(setting, '', true);
    END LOOP;
    RETURN NULL;
END
$function$;
