-- Drop what a declaration made on one table, and for it: policies, triggers, and of the functions
-- and views those not among *keep*, whatever the table and its columns are called by now. Row
-- level security stays on: with no policy left, PostgreSQL denies every row, which is the safe
-- way to be wrong.
CREATE OR REPLACE FUNCTION rls_perms.clear_table(target regclass, keep text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    readers oid[];
    functions oid[];
    views oid[];
    one record;
BEGIN
    readers := ARRAY(
        SELECT DISTINCT made.oid
          FROM pg_policy AS policy
          JOIN pg_depend AS dependency
            ON dependency.classid = 'pg_policy'::regclass
           AND dependency.objid = policy.oid
           AND dependency.refclassid = 'pg_proc'::regclass
          JOIN pg_proc AS made ON made.oid = dependency.refobjid
         WHERE policy.polrelid = target
           AND starts_with(obj_description(policy.oid, 'pg_policy'), 'rls_perms ')
           AND obj_description(made.oid, 'pg_proc') = 'rls_perms reader'
    );
    -- The views of grants, which these read.
    views := ARRAY(
        SELECT DISTINCT made.oid
          FROM pg_depend AS dependency
          JOIN pg_class AS made ON made.oid = dependency.refobjid
         WHERE dependency.classid = 'pg_proc'::regclass
           AND dependency.objid = ANY (readers)
           AND dependency.refclassid = 'pg_class'::regclass
           AND made.relnamespace = 'rls_perms'::regnamespace
           AND made.relkind = 'v'
           AND made.relname <> ALL (keep)
    );
    functions := ARRAY(
        SELECT DISTINCT made.oid
          FROM pg_trigger
          JOIN pg_proc AS made ON made.oid = tgfoid
         WHERE tgrelid = target
           AND made.pronamespace = 'rls_perms'::regnamespace
           AND starts_with(made.proname, 'new_row_')
           AND made.proname <> ALL (keep)
        UNION
        SELECT oid FROM pg_proc WHERE oid = ANY (readers) AND proname <> ALL (keep)
    );
    PERFORM rls_perms.drop_policies(target);
    FOR one IN
        SELECT tgname FROM pg_trigger
         WHERE tgrelid = target AND NOT tgisinternal AND starts_with(tgname, 'zz_rls_perms_')
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', one.tgname, target);
    END LOOP;
    FOR one IN
        SELECT oid FROM pg_proc
         WHERE oid = ANY (functions)
           AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = pg_proc.oid)
    LOOP
        EXECUTE format('DROP FUNCTION %s', one.oid::regprocedure);
    END LOOP;
    FOR one IN
        SELECT oid FROM pg_class
         WHERE oid = ANY (views)
           AND NOT EXISTS (
                   SELECT FROM pg_depend
                    WHERE refclassid = 'pg_class'::regclass AND refobjid = pg_class.oid
                      AND classid = 'pg_proc'::regclass
               )
    LOOP
        EXECUTE format('DROP VIEW %s', one.oid::regclass);
    END LOOP;
END
$function$;
