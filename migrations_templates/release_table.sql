-- Refuse to drop a table that policies of other tables use, but for those that go along with it;
-- and take away what the library made for its own.
CREATE OR REPLACE FUNCTION rls_perms.release_table(target regclass, along regclass[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    found text;
    detail json;
BEGIN
    PERFORM rls_perms.empty_grant_views('pg_class', one) FROM unnest(along || target) AS one;
    SELECT string_agg(format('"%s" on %s', polname, polrelid::regclass), ', ' ORDER BY polname),
           json_agg(json_build_array(nspname, relname, polname) ORDER BY polname)
      INTO found, detail
      FROM pg_policy
      JOIN pg_class ON pg_class.oid = polrelid
      JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE pg_policy.oid IN (SELECT rls_perms.policies_using('pg_class', target, 0))
       AND polrelid <> target
       AND polrelid <> ALL (along);
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'policies of other tables use %, and would be dropped with it: %',
            target, found
            USING ERRCODE = 'RP007', DETAIL = detail,
                  HINT = 'Change or remove their declarations before that.';
    END IF;
    PERFORM rls_perms.clear_table(target, '{{}}');
END
$function$;
