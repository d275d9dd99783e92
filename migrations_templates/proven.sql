-- The context that enter() proved in this transaction; NULL where there is none. Whatever does
-- not hold is an error: nothing but an attack, or a mistake, makes it. Hashes are compared, so that
-- the time that it takes tells nothing of the seal.
CREATE OR REPLACE FUNCTION rls_perms.proven() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    proof text := current_setting({setting}, true);
    said jsonb;
    inside bytea;
    outside bytea;
BEGIN
    IF proof IS NULL OR proof = '' THEN
        RETURN NULL;
    END IF;
    -- What sealed() says, in place: every statement comes by several times. The key by itself, since
    -- a query with parameters could be planned each time.
    SELECT key.inside, key.outside INTO inside, outside FROM rls_perms.proof_key AS key;
    IF sha256(convert_to(left(proof, 64), 'UTF8')) IS DISTINCT FROM sha256(convert_to(encode(sha256(
           outside || sha256(
               inside
               || timestamptz_send(transaction_timestamp())
               || int4send(pg_backend_pid())
               || convert_to(E'proof\n' || substr(proof, 65), 'UTF8')
           )
       ), 'hex'), 'UTF8')) THEN
        RAISE EXCEPTION 'the proof of the context does not hold in this transaction'
            USING ERRCODE = 'RP021',
                  HINT = 'Only rls_perms.enter() makes one, for its own transaction.';
    END IF;
    said := substr(proof, 65)::jsonb;
    IF said ->> 'r' IS DISTINCT FROM current_setting('role') THEN
        RAISE EXCEPTION 'the proof of the context is for the role %, and the role is %',
            said ->> 'r', current_setting('role')
            USING ERRCODE = 'RP022', HINT = 'SET ROLE alone enters no context.';
    END IF;
    RETURN said;
END
$function$;
