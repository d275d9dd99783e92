-- Follow the changes of one table: each statement's, at its end.
CREATE OR REPLACE TRIGGER rls_perms_live_lock
BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.live_lock();
CREATE OR REPLACE TRIGGER rls_perms_live_insert
AFTER INSERT ON {table} REFERENCING NEW TABLE AS changed_new
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.{function}();
CREATE OR REPLACE TRIGGER rls_perms_live_update
AFTER UPDATE ON {table} REFERENCING OLD TABLE AS changed_old NEW TABLE AS changed_new
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.{function}();
CREATE OR REPLACE TRIGGER rls_perms_live_delete
AFTER DELETE ON {table} REFERENCING OLD TABLE AS changed_old
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.{function}();
CREATE OR REPLACE TRIGGER rls_perms_live_truncate
AFTER TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.{function}();
