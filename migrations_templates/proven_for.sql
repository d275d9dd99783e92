-- Whether the context was proved for the role that a statement was planned for. An error where it
-- was not: no row at all would look like an empty table. A tenant's login enters no context: its
-- tenant's rows are all that it has, whatever it becomes.
CREATE OR REPLACE FUNCTION rls_perms.proven_for(planned name) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    said jsonb;
BEGIN
    IF NOT ({counts}) THEN
        RETURN true;
    END IF;
    said := rls_perms.proven();
    IF said IS NULL THEN
        RAISE EXCEPTION 'nothing proves the context of the role %', planned
            USING ERRCODE = 'RP020',
                  HINT = 'The database asks for signed contexts, which only rls_perms.enter() enters.';
    END IF;
    IF said ->> 'r' IS DISTINCT FROM planned::text THEN
        RAISE EXCEPTION 'the proof of the context is for the role %, and the statement was planned for %',
            said ->> 'r', planned
            USING ERRCODE = 'RP022', HINT = 'SET ROLE alone enters no context.';
    END IF;
    RETURN true;
END
$function$;
