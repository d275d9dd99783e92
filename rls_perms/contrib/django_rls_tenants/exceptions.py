"""The exceptions of django-rls-tenants: names for those of rls_perms that mean the same."""

from rls_perms.exceptions import ConfigurationError as RLSConfigurationError
from rls_perms.exceptions import NoContext as NoTenantContextError
from rls_perms.exceptions import RlsPermsError as RLSTenantError

__all__ = ["NoTenantContextError", "RLSConfigurationError", "RLSTenantError"]
