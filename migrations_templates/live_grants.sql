-- Give a role what permissions mean on tables and sequences of the owner, and take back
-- everything else that it holds there.
CREATE OR REPLACE FUNCTION rls_perms.live_grants(holder text, permissions text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    holder_oid oid := (SELECT oid FROM pg_roles WHERE rolname = holder);
    statements text[];
    statement text;
BEGIN
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
        SELECT objid AS object, objsubid AS number
          FROM pg_shdepend
         WHERE refclassid = 'pg_authid'::regclass AND refobjid = holder_oid
           AND classid = 'pg_class'::regclass AND deptype = 'a'
           AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    ), held AS (
        SELECT relation.oid AS object, acl.privilege_type AS privilege, '' AS part, acl.is_grantable
          FROM concerned
          JOIN pg_class AS relation ON relation.oid = concerned.object
         CROSS JOIN LATERAL aclexplode(relation.relacl) AS acl
         WHERE concerned.number = 0 AND acl.grantee = holder_oid
           AND acl.grantor = relation.relowner AND pg_has_role(relation.relowner, 'USAGE')
        UNION
        SELECT relation.oid, acl.privilege_type, attribute.attname::text, acl.is_grantable
          FROM concerned
          JOIN pg_class AS relation ON relation.oid = concerned.object
          JOIN pg_attribute AS attribute
            ON attribute.attrelid = relation.oid AND attribute.attnum = concerned.number
         CROSS JOIN LATERAL aclexplode(attribute.attacl) AS acl
         WHERE concerned.number > 0 AND acl.grantee = holder_oid
           AND acl.grantor = relation.relowner AND pg_has_role(relation.relowner, 'USAGE')
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
        SELECT 'REVOKE %s%s ON %s %s FROM %I CASCADE' AS form, revoked.* FROM revoked
        UNION ALL
        SELECT 'GRANT %s%s ON %s %s TO %I', granted.*
          FROM (SELECT object, privilege, part FROM wanted
                EXCEPT SELECT object, privilege, part FROM kept) AS granted
    )
    SELECT array_agg(written ORDER BY written DESC) INTO statements
      FROM (
            SELECT format(
                       changes.form, changes.privilege,
                       coalesce(
                           ' (' || string_agg(quote_ident(nullif(changes.part, '')), ', ') || ')', ''
                       ),
                       CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                       changes.object::regclass, holder
                   )
              FROM changes
              JOIN pg_class AS relation ON relation.oid = changes.object
             GROUP BY changes.form, changes.privilege, changes.object, relation.relkind,
                      changes.part = ''
           ) AS statements (written);
    FOREACH statement IN ARRAY coalesce(statements, '{{}}') LOOP
        EXECUTE statement;
    END LOOP;
END
$function$;
