-- An app got another label, and so did all of its permissions.
CREATE OR REPLACE FUNCTION rls_perms.live_on_content_type() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF TG_OP = 'TRUNCATE' OR (
        TG_OP = 'UPDATE' AND EXISTS (
            SELECT
              FROM changed_old AS was
              JOIN changed_new AS becomes ON becomes.{key} = was.{key}
             WHERE was.{app_label} <> becomes.{app_label}
        )
    ) THEN
        PERFORM rls_perms.live_all();
    END IF;
    RETURN NULL;
END
$function$;
