-- Whoever it is that removes a row, the owner too.
CREATE TRIGGER {delete} AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT
    EXECUTE FUNCTION rls_perms.{function}();
