-- The policies of any table that use an object: a column (subid), a table (subid 0) or a
-- function, by themselves or through views and functions.
CREATE OR REPLACE FUNCTION rls_perms.policies_using(class regclass, object oid, subid integer)
    RETURNS SETOF oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH RECURSIVE used (classid, objid, objsubid) AS (
        SELECT class::oid, object, subid
        UNION
        SELECT CASE
                   WHEN rule.oid IS NULL THEN dependency.classid
                   ELSE 'pg_class'::regclass::oid
               END,
               coalesce(rule.ev_class, dependency.objid),
               0
          FROM used
          JOIN pg_depend AS dependency
            ON dependency.refclassid = used.classid
           AND dependency.refobjid = used.objid
           AND (used.objsubid = 0 OR dependency.refobjsubid = used.objsubid)
          LEFT JOIN pg_rewrite AS rule
            ON dependency.classid = 'pg_rewrite'::regclass AND rule.oid = dependency.objid
         WHERE dependency.classid IN (
                   'pg_rewrite'::regclass, 'pg_proc'::regclass, 'pg_policy'::regclass
               )
    )
    SELECT objid FROM used WHERE classid = 'pg_policy'::regclass
$function$;
