-- Tenants were made or deleted, or one was given another key.
CREATE OR REPLACE FUNCTION rls_perms.live_on_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN
            PERFORM rls_perms.live_follow('tenant', NEW.{key}::text);
        WHEN 'DELETE' THEN
            PERFORM rls_perms.live_follow('tenant', OLD.{key}::text);
        WHEN 'UPDATE' THEN
            PERFORM rls_perms.live_follow('tenant', OLD.{key}::text);
            PERFORM rls_perms.live_follow('tenant', NEW.{key}::text);
        WHEN 'TRUNCATE' THEN
            PERFORM rls_perms.live_all();
    END CASE;
    RETURN NULL;
END
$function$;
