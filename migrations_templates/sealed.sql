-- What the database says to itself for the rest of a transaction, sealed with the key that only
-- it has: what for and what, in which transaction and of which session.
CREATE OR REPLACE FUNCTION rls_perms.sealed(purpose text, what text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    inside bytea;
    outside bytea;
BEGIN
    SELECT key.inside, key.outside INTO inside, outside FROM rls_perms.proof_key AS key;
    RETURN encode(sha256(outside || sha256(
        inside
        || timestamptz_send(transaction_timestamp())
        || int4send(pg_backend_pid())
        || convert_to(purpose || E'\n' || what, 'UTF8')
    )), 'hex');
END
$function$;
