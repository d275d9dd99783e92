-- An app got another label, and so did all of its permissions.
CREATE OR REPLACE FUNCTION rls_perms.live_on_content_type() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- Not in one condition: only an UPDATE knows both tables.
    IF TG_OP = 'UPDATE' THEN
        IF NOT EXISTS (
            SELECT
              FROM changed_old AS was
              JOIN changed_new AS becomes ON becomes.{key} = was.{key}
             WHERE was.{app_label} <> becomes.{app_label}
        ) THEN
            RETURN NULL;
        END IF;
    ELSIF TG_OP <> 'TRUNCATE' THEN
        RETURN NULL;
    END IF;
    PERFORM rls_perms.live_all();
    RETURN NULL;
END
$function$;
