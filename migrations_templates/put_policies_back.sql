-- Write the policies anew that were laid aside, restrictive ones first, and before them the
-- functions that read for them. One that does not fit its column any more is an error, which
-- undoes everything.
CREATE OR REPLACE FUNCTION rls_perms.put_policies_back() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    policy record;
    reader record;
    caller text;
    reason text;
BEGIN
    FOR reader IN
        SELECT signature, definition, callers FROM rls_perms.laid_aside_reader ORDER BY signature
    LOOP
        EXECUTE format('%s', reader.definition);
        EXECUTE format(
            'COMMENT ON FUNCTION %s IS %L', reader.signature::regprocedure, 'rls_perms reader'
        );
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', reader.signature::regprocedure);
        FOREACH caller IN ARRAY reader.callers LOOP
            EXECUTE format(
                'GRANT EXECUTE ON FUNCTION %s TO %I', reader.signature::regprocedure, caller
            );
        END LOOP;
    END LOOP;
    DELETE FROM rls_perms.laid_aside_reader;
    FOR policy IN
        SELECT target, name, permissive, clauses, comment
          FROM rls_perms.laid_aside
         ORDER BY permissive, target::text, name
    LOOP
        BEGIN
            EXECUTE format('CREATE POLICY %I ON %s %s', policy.name, policy.target, policy.clauses);
        EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception THEN
            GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
            RAISE EXCEPTION 'the policy "%" on % does not fit any more: %',
                policy.name, policy.target, reason
                USING ERRCODE = 'RP006',
                      DETAIL = (
                          SELECT json_build_array(json_build_array(
                                     nspname, relname, policy.name
                                 ))
                            FROM pg_class
                            JOIN pg_namespace ON pg_namespace.oid = relnamespace
                           WHERE pg_class.oid = policy.target
                      ),
                      HINT = 'Remove the declaration before the change, and add it again after it.';
        END;
        IF policy.comment IS NOT NULL THEN
            EXECUTE format(
                'COMMENT ON POLICY %I ON %s IS %L', policy.name, policy.target, policy.comment
            );
        END IF;
    END LOOP;
    FOR policy IN
        SELECT DISTINCT target FROM rls_perms.laid_aside
    LOOP
        EXECUTE format('DROP POLICY IF EXISTS "rls_perms altering" ON %s', policy.target);
    END LOOP;
    DELETE FROM rls_perms.laid_aside;
END
$function$;
