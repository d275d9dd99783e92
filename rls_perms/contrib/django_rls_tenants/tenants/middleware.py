"""``RLSTenantMiddleware``: the middleware of rls_perms by that name."""

from rls_perms.middleware import SetRoleMiddleware as RLSTenantMiddleware

__all__ = ["RLSTenantMiddleware"]
