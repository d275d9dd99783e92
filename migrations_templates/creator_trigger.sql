-- Of rows that were there before, as with ON CONFLICT, its table knows nothing.
CREATE TRIGGER {insert} AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT WHEN (current_user NOT IN ({unbound}))
    EXECUTE FUNCTION rls_perms.{function}();
