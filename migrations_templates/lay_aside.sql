-- Take down every policy of the tables that these policies are on, permissive ones first: at
-- no moment does a permissive policy stand without the restrictive ones beside it. The functions
-- that read for them go along, since they use columns too.
CREATE OR REPLACE FUNCTION rls_perms.lay_aside(policies oid[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    policy record;
    reader record;
BEGIN
    INSERT INTO rls_perms.laid_aside_reader (signature, definition, callers)
    SELECT DISTINCT ON (made.oid)
           made.oid::regprocedure::text,
           pg_get_functiondef(made.oid),
           ARRAY(
               SELECT rolname::text
                 FROM aclexplode(made.proacl)
                 JOIN pg_roles ON pg_roles.oid = grantee
           )
      FROM pg_policy
      JOIN pg_depend
        ON classid = 'pg_policy'::regclass
       AND objid = pg_policy.oid
       AND refclassid = 'pg_proc'::regclass
      JOIN pg_proc AS made ON made.oid = refobjid
     WHERE polrelid IN (SELECT polrelid FROM pg_policy WHERE oid = ANY (policies))
       AND obj_description(made.oid, 'pg_proc') = 'rls_perms reader';
    FOR policy IN
        SELECT polrelid::regclass AS target, polname, polpermissive, polroles,
               CASE polcmd
                   WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                   WHEN 'd' THEN 'DELETE' ELSE 'ALL'
               END AS command,
               pg_get_expr(polqual, polrelid) AS using_text,
               pg_get_expr(polwithcheck, polrelid) AS check_text,
               obj_description(oid, 'pg_policy') AS comment
          FROM pg_policy
         WHERE polrelid IN (SELECT polrelid FROM pg_policy WHERE oid = ANY (policies))
         ORDER BY polpermissive DESC, polname
    LOOP
        INSERT INTO rls_perms.laid_aside (target, name, permissive, clauses, comment)
        VALUES (
            policy.target,
            policy.polname,
            policy.polpermissive,
            format(
                'AS %s FOR %s TO %s%s%s',
                CASE WHEN policy.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                policy.command,
                (
                    SELECT string_agg(
                               CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END, ', '
                               ORDER BY position
                           )
                      FROM unnest(policy.polroles) WITH ORDINALITY AS named (role, position)
                ),
                ' USING (' || policy.using_text || ')',
                ' WITH CHECK (' || policy.check_text || ')'
            ),
            -- Without the seal: the next sync writes what the declaration makes of the new column.
            CASE
                WHEN starts_with(policy.comment, 'rls_perms ')
                    THEN split_part(policy.comment, E'\nsealed ', 1)
                ELSE policy.comment
            END
        );
        EXECUTE format('DROP POLICY %I ON %s', policy.polname, policy.target);
    END LOOP;
    -- The next sync makes it anew, as it does where a trigger is missing.
    FOR policy IN
        SELECT DISTINCT tgname, tgrelid::regclass AS target
          FROM pg_trigger
          JOIN rls_perms.laid_aside AS aside ON aside.target = tgrelid
         WHERE tgname = 'zz_rls_perms_key'
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', policy.tgname, policy.target);
    END LOOP;
    -- Keys that the change makes PostgreSQL check anew are checked as the owner, who would see no
    -- row to refer to.
    FOR policy IN
        SELECT DISTINCT aside.target, pg_get_userbyid(relowner) AS owner
          FROM rls_perms.laid_aside AS aside
          JOIN pg_class ON pg_class.oid = aside.target
         WHERE NOT EXISTS (
                   SELECT FROM pg_policy
                    WHERE polrelid = aside.target AND polname = 'rls_perms altering'
               )
    LOOP
        EXECUTE format(
            'CREATE POLICY "rls_perms altering" ON %s FOR SELECT TO %I USING (true)',
            policy.target,
            policy.owner
        );
    END LOOP;
    FOR reader IN
        SELECT signature FROM rls_perms.laid_aside_reader
         WHERE to_regprocedure(signature) IS NOT NULL
    LOOP
        EXECUTE format('DROP FUNCTION %s', reader.signature::regprocedure);
    END LOOP;
END
$function$;
