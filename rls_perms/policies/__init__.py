"""Row security as models declare it."""

from rls_perms.policies.constraint import RowSecurity
from rls_perms.policies.declared import ObjectPermissions, OwnerPolicy, Policy

__all__ = ["ObjectPermissions", "OwnerPolicy", "Policy", "RowSecurity"]
