-- No tenant has a role: what would find and make such roles goes.
DROP FUNCTION IF EXISTS rls_perms.make_named_role(text, text);
DROP FUNCTION IF EXISTS rls_perms.named_role_in_tenant(text, text);
DROP FUNCTION IF EXISTS rls_perms.make_tenant_role(text);
DROP FUNCTION IF EXISTS rls_perms.role_in_tenant(text, text);
