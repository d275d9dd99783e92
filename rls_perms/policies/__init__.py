"""Row security as models declare it."""

from rls_perms.policies.constraint import RowSecurity
from rls_perms.policies.declared import ObjectPermissions, OwnerPolicy, Policy
from rls_perms.policies.protected import protect

__all__ = ["ObjectPermissions", "OwnerPolicy", "Policy", "RowSecurity", "protect"]
