-- Make way for another type of what a function of the context answers, as the key of the user's
-- or the tenant's model has it: lay aside what uses it, empty the views of grants, drop it.
CREATE OR REPLACE FUNCTION rls_perms.retype(function_name text, wanted text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    present oid := to_regprocedure(format('rls_perms.%I()', function_name));
    one record;
BEGIN
    IF present IS NULL OR pg_get_function_result(present) = format_type(wanted::regtype, NULL) THEN
        RETURN;
    END IF;
    PERFORM rls_perms.lay_aside(ARRAY(SELECT rls_perms.policies_using('pg_proc', present, 0)));
    FOR one IN
        SELECT DISTINCT made.oid AS view,
               format_type(attribute.atttypid, attribute.atttypmod) AS type
          FROM pg_depend AS dependency
          JOIN pg_rewrite AS rule ON rule.oid = dependency.objid
          JOIN pg_class AS made ON made.oid = rule.ev_class
          JOIN pg_attribute AS attribute
            ON attribute.attrelid = made.oid AND attribute.attname = 'object_id'
         WHERE dependency.classid = 'pg_rewrite'::regclass
           AND dependency.refclassid = 'pg_proc'::regclass
           AND dependency.refobjid = present
           AND made.relnamespace = 'rls_perms'::regnamespace
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW %s WITH (security_barrier) AS '
            'SELECT NULL::%s AS object_id, NULL::text AS object_text WHERE false',
            one.view::regclass, one.type
        );
        EXECUTE format('COMMENT ON VIEW %s IS %L', one.view::regclass, '');
    END LOOP;
    EXECUTE format('DROP FUNCTION %s', present::regprocedure);
END
$function$;
