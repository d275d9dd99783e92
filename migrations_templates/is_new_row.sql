-- Whether a row is the one that is being inserted: its seal is of this transaction, and of every
-- column.
CREATE OR REPLACE FUNCTION rls_perms.is_new_row(seal text, made jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN sha256(convert_to(current_setting(seal, true), 'UTF8'))
           = sha256(convert_to(rls_perms.sealed(seal, made::text), 'UTF8'));
END
$function$;
