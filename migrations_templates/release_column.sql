-- Refuse to drop a column that policies use: DROP COLUMN .. CASCADE would drop them, restrictive
-- ones too, and tell nobody.
CREATE OR REPLACE FUNCTION rls_perms.release_column(target regclass, of_column text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    found text;
    detail json;
BEGIN
    PERFORM rls_perms.empty_grant_views('pg_class', target);
    SELECT string_agg(format('"%s" on %s', polname, polrelid::regclass), ', ' ORDER BY polname),
           json_agg(json_build_array(nspname, relname, polname) ORDER BY polname)
      INTO found, detail
      FROM pg_policy
      JOIN pg_class ON pg_class.oid = polrelid
      JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE pg_policy.oid IN (
               SELECT rls_perms.policies_using('pg_class', target, attnum)
                 FROM pg_attribute
                WHERE attrelid = target AND attname = of_column
           );
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'policies use the column "%" of %, and would be dropped with it: %',
            of_column, target, found
            USING ERRCODE = 'RP007', DETAIL = detail,
                  HINT = 'Change or remove their declarations before that.';
    END IF;
END
$function$;
