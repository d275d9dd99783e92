-- The tenant of a tenant's own login, by the mark of the role that connected; NULL for everybody
-- else. The mark stays with the role when it is renamed or restored from a dump, and only who made
-- the role may change it. '' where there is a mark that names no tenant: then there is none.
CREATE OR REPLACE FUNCTION rls_perms.login_tenant() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce(substr(mark.said, {start})::json ->> 'id', '')
      FROM (
            SELECT shobj_description(oid, 'pg_authid')
              FROM pg_roles WHERE rolname = session_user
           ) AS mark (said)
     WHERE starts_with(mark.said, {mark})
$function$;
