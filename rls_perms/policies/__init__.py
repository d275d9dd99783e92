"""Row security as models declare it."""

from rls_perms.policies.constraint import RowSecurity
from rls_perms.policies.declared import (
    ColumnPermissions,
    ObjectPermissions,
    OwnerPolicy,
    Policy,
)
from rls_perms.policies.protected import protect

__all__ = [
    "ColumnPermissions",
    "ObjectPermissions",
    "OwnerPolicy",
    "Policy",
    "RowSecurity",
    "protect",
]
