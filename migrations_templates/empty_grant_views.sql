-- Cut the views of grants loose from a table or a function, which could not be altered under them.
-- Until sync fills them again they have no row: none too many.
CREATE OR REPLACE FUNCTION rls_perms.empty_grant_views(class regclass, object oid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT DISTINCT made.oid AS view,
               format_type(attribute.atttypid, attribute.atttypmod) AS type
          FROM pg_depend AS dependency
          JOIN pg_rewrite AS rule ON rule.oid = dependency.objid
          JOIN pg_class AS made ON made.oid = rule.ev_class
          JOIN pg_attribute AS attribute
            ON attribute.attrelid = made.oid AND attribute.attname = 'object_id'
         WHERE dependency.classid = 'pg_rewrite'::regclass
           AND dependency.refclassid = class
           AND dependency.refobjid = object
           AND made.relnamespace = 'rls_perms'::regnamespace
           AND made.relkind = 'v'
           AND made.oid <> object
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW %s WITH (security_barrier) AS '
            'SELECT NULL::%s AS object_id, NULL::text AS object_text WHERE false',
            one.view::regclass, one.type
        );
        EXECUTE format('COMMENT ON VIEW %s IS %L', one.view::regclass, '');
    END LOOP;
END
$function$;
