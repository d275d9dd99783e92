-- Give a role what permissions mean on tables and sequences of the owner, and take back
-- everything else that it holds there.
CREATE OR REPLACE FUNCTION rls_perms.live_grants(holder text, permissions text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    holder_oid oid := (SELECT oid FROM pg_roles WHERE rolname = holder);
    change record;
BEGIN
    FOR change IN
    WITH known AS (
        SELECT DISTINCT relation.oid AS object, one.privilege,
               coalesce(attribute.attname::text, '') AS part
          FROM rls_perms.known_grant AS one
          JOIN pg_namespace AS schema ON schema.nspname = one.schema
          JOIN pg_class AS relation
            ON relation.relnamespace = schema.oid AND relation.relname = one.object
          LEFT JOIN pg_attribute AS attribute
            ON attribute.attrelid = relation.oid
           AND attribute.attname = ANY (one.columns) AND NOT attribute.attisdropped
         WHERE (one.kind = 'role' AND one.name = holder
                OR one.kind = 'permission' AND one.name = ANY (permissions))
           AND (one.columns = '{{}}' OR attribute.attname IS NOT NULL)
           AND pg_has_role(relation.relowner, 'USAGE')
    ), wanted AS (
        -- A privilege on all of a table says those on its columns.
        SELECT * FROM known
         WHERE part = ''
            OR NOT EXISTS (
                   SELECT FROM known AS whole
                    WHERE whole.object = known.object AND whole.privilege = known.privilege
                      AND whole.part = ''
               )
    ), concerned AS (
        -- The objects that name the role, and no others: one table may name hundreds.
        SELECT relation.oid AS object, relation.relowner AS owner, dependency.objsubid AS number,
               CASE dependency.objsubid
                   WHEN 0 THEN relation.relacl
                   ELSE (SELECT attacl FROM pg_attribute
                          WHERE attrelid = relation.oid AND attnum = dependency.objsubid)
               END AS acl
          FROM pg_shdepend AS dependency
          JOIN pg_class AS relation ON relation.oid = dependency.objid
         WHERE dependency.refclassid = 'pg_authid'::regclass
           AND dependency.refobjid = holder_oid AND dependency.deptype = 'a'
           AND dependency.classid = 'pg_class'::regclass
           AND dependency.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND pg_has_role(relation.relowner, 'USAGE')
    ), held AS (
        SELECT concerned.object, acl.privilege_type AS privilege, acl.is_grantable,
               coalesce((SELECT attname::text FROM pg_attribute
                          WHERE attrelid = concerned.object AND attnum = concerned.number), '') AS part
          FROM concerned
         CROSS JOIN LATERAL aclexplode(concerned.acl) AS acl
         WHERE acl.grantee = holder_oid AND acl.grantor = concerned.owner
    ), revoked AS (
        SELECT held.object, held.privilege, held.part
          FROM held
          LEFT JOIN wanted USING (object, privilege, part)
         WHERE wanted.object IS NULL OR held.is_grantable
    ), kept AS (
        -- REVOKE on all of a table takes what its columns have, too.
        SELECT object, privilege, part FROM held
        EXCEPT SELECT object, privilege, part FROM revoked
        EXCEPT
        SELECT held.object, held.privilege, held.part
          FROM held JOIN revoked USING (object, privilege)
         WHERE revoked.part = ''
    ), changes AS (
        SELECT 'REVOKE' AS verb, revoked.* FROM revoked
        UNION ALL
        SELECT 'GRANT', granted.*
          FROM (SELECT object, privilege, part FROM wanted
                EXCEPT SELECT object, privilege, part FROM kept) AS granted
    )
        SELECT changes.verb, changes.privilege, changes.object::regclass AS target,
               CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
               coalesce(
                   ' (' || string_agg(quote_ident(nullif(changes.part, '')), ', ') || ')', ''
               ) AS columns
          FROM changes
          JOIN pg_class AS relation ON relation.oid = changes.object
         GROUP BY changes.verb, changes.privilege, changes.object, relation.relkind,
                  changes.part = ''
         -- First what is taken, which may take along what is given.
         ORDER BY changes.verb DESC
    LOOP
        IF change.verb = 'REVOKE' THEN
            EXECUTE format('REVOKE %s%s ON %s %s FROM %I CASCADE',
                           change.privilege, change.columns, change.kind, change.target, holder);
        ELSE
            EXECUTE format('GRANT %s%s ON %s %s TO %I',
                           change.privilege, change.columns, change.kind, change.target, holder);
        END IF;
    END LOOP;
END
$function$;
