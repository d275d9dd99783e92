-- The tenant that policies see, where each tenant has a role: only while the role that was taken
-- on is a member of that tenant's, so that neither the setting nor the role alone opens anything.
-- The system is in all tenants. The role as it was SET: an owner's function does not change it.
CREATE OR REPLACE FUNCTION rls_perms.tenant_id() RETURNS {type}
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN pg_catalog.current_setting('role') = {system}
      OR pg_catalog.pg_has_role(
             coalesce(
                 nullif(pg_catalog.current_setting('role'), 'none')::name, session_user
             ),
             pg_catalog.to_regrole(pg_catalog.quote_ident({name}))::oid,
             'USAGE'
         )
    THEN {value}
END;
