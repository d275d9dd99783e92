"""Row security as models declare it."""

from rls_perms.policies.constraint import RowSecurity
from rls_perms.policies.declared import (
    ColumnPermissions,
    ObjectPermissions,
    OwnerPolicy,
    Policy,
)
from rls_perms.policies.protected import protect
from rls_perms.policies.same_tenant import SameTenant

__all__ = [
    "ColumnPermissions",
    "ObjectPermissions",
    "OwnerPolicy",
    "Policy",
    "RowSecurity",
    "SameTenant",
    "protect",
]
