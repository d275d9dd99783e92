CREATE TRIGGER {update} AFTER UPDATE ON {table}
    FOR EACH ROW WHEN (OLD.{key} IS DISTINCT FROM NEW.{key})
    EXECUTE FUNCTION rls_perms.{function}();
CREATE TRIGGER {truncate} AFTER TRUNCATE ON {table}
    FOR EACH STATEMENT
    EXECUTE FUNCTION rls_perms.{function}();
