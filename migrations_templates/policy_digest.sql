-- A digest of the policies of ours on one table as PostgreSQL holds them, and of the functions
-- that read for them: one that is dropped or altered, or whose column was replaced, changes it. PostgreSQL writes an expression
-- as the session's parameters say, so they are fixed here.
CREATE OR REPLACE FUNCTION rls_perms.policy_digest(target regclass) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET bytea_output = 'hex'
SET extra_float_digits = 1
SET quote_all_identifiers = off
SET standard_conforming_strings = on
AS $function$
    SELECT md5(string_agg(concat_ws(
               '|', polname, polcmd, polpermissive,
               (SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE oid = ANY (polroles)),
               pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid),
               (
                   SELECT string_agg(md5(pg_get_functiondef(refobjid)), ',' ORDER BY refobjid::regproc::text)
                     FROM pg_depend
                    WHERE classid = 'pg_policy'::regclass
                      AND objid = pg_policy.oid
                      AND refclassid = 'pg_proc'::regclass
                      AND obj_description(refobjid, 'pg_proc') = 'rls_perms reader'
               )
           ), E'\n' ORDER BY polname COLLATE "C"))
      FROM pg_policy
     WHERE polrelid = target
       AND starts_with(obj_description(oid, 'pg_policy'), 'rls_perms ')
$function$;
