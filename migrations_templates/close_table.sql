-- Take every privilege on one table from the roles of this library, its logins and PUBLIC:
-- what they hold follows from the declaration before, and the next sync grants anew. Until
-- then live triggers grant nothing on it.
CREATE OR REPLACE FUNCTION rls_perms.close_table(target regclass, logins text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    holder record;
BEGIN
    FOR holder IN
        SELECT DISTINCT coalesce(role.rolname::text, '') AS name
          FROM (
                SELECT (aclexplode(relacl)).grantee FROM pg_class WHERE oid = target
                UNION ALL
                SELECT (aclexplode(attacl)).grantee
                  FROM pg_attribute WHERE attrelid = target AND NOT attisdropped
               ) AS held
          LEFT JOIN pg_roles AS role ON role.oid = held.grantee
         -- Not from the owner, who carries our mark too in a test database.
         WHERE held.grantee <> (SELECT relowner FROM pg_class WHERE oid = target)
           AND (
                held.grantee = 0
                OR role.rolname = ANY (logins)
                OR starts_with(shobj_description(role.oid, 'pg_authid'), 'rls_perms ')
               )
    LOOP
        IF holder.name = '' THEN
            EXECUTE format('REVOKE ALL ON TABLE %s FROM PUBLIC', target);
        ELSE
            EXECUTE format('REVOKE ALL ON TABLE %s FROM %I', target, holder.name);
        END IF;
    END LOOP;
    DELETE FROM rls_perms.known_grant
     WHERE to_regclass(format('%I.%I', schema, object)) = target;
END
$function$;
