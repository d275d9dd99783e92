-- Follow the permissions that users are given directly. Of those that are taken away nothing has
-- to be followed, since a user's role is found anew: the role of a permission that nobody holds
-- any more stands for nobody, and goes with a sync. So deleting a user waits for nothing.
CREATE OR REPLACE TRIGGER rls_perms_live_lock
BEFORE INSERT OR UPDATE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.live_lock();
CREATE OR REPLACE TRIGGER rls_perms_live_insert
AFTER INSERT ON {table} REFERENCING NEW TABLE AS changed_new
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.{function}();
CREATE OR REPLACE TRIGGER rls_perms_live_update
AFTER UPDATE ON {table} REFERENCING NEW TABLE AS changed_new
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.{function}();
CREATE OR REPLACE TRIGGER rls_perms_live_truncate
AFTER TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.{function}();
