-- Of rows that were there before, as with ON CONFLICT, its table knows nothing. Visitors are told by
-- what they belong to: where tenants have roles, they have one of their own in each.
CREATE TRIGGER {insert} AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT WHEN (
        current_user NOT IN ({unbound})
        AND NOT pg_catalog.pg_has_role(current_user, {visitors}, 'USAGE')
    )
    EXECUTE FUNCTION rls_perms.{function}();
