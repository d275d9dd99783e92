-- Follow tenants that are made and deleted. Row by row, since a change of what is no key must
-- neither look for roles nor wait for others.
CREATE OR REPLACE TRIGGER rls_perms_live_lock
BEFORE INSERT OR UPDATE OF {key} OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.live_lock();
CREATE OR REPLACE TRIGGER rls_perms_live_insert
AFTER INSERT ON {table}
FOR EACH ROW EXECUTE FUNCTION rls_perms.live_on_tenant();
CREATE OR REPLACE TRIGGER rls_perms_live_update
AFTER UPDATE OF {key} ON {table}
FOR EACH ROW WHEN (OLD.{key} IS DISTINCT FROM NEW.{key})
EXECUTE FUNCTION rls_perms.live_on_tenant();
CREATE OR REPLACE TRIGGER rls_perms_live_delete
AFTER DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION rls_perms.live_on_tenant();
CREATE OR REPLACE TRIGGER rls_perms_live_truncate
AFTER TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.live_on_tenant();
