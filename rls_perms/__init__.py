"""Django's permission framework, enforced by PostgreSQL: roles, row security, object grants."""

from rls_perms.context import Context, current_context
from rls_perms.exceptions import InvalidContext, NoContext, PermissionDenied
from rls_perms.expressions import CurrentTenant, CurrentUser, Exists, Setting
from rls_perms.keywords import Command
from rls_perms.loud import loud_denials
from rls_perms.operations import AddRowSecurity, RemoveRowSecurity
from rls_perms.policies import (
    ColumnPermissions,
    ObjectPermissions,
    OwnerPolicy,
    Policy,
    RowSecurity,
    SameTenant,
    protect,
)
from rls_perms.sealing import seal, unseal
from rls_perms.session import as_context, as_role, as_system, as_tenant, as_user, in_context
from rls_perms.targets import ANONYMOUS, EVERYONE, SYSTEM, Group, Permission, Role

__version__ = "0.1.0"

SELECT = Command.SELECT
INSERT = Command.INSERT
UPDATE = Command.UPDATE
DELETE = Command.DELETE

__all__ = [
    "ANONYMOUS",
    "DELETE",
    "EVERYONE",
    "INSERT",
    "SELECT",
    "SYSTEM",
    "UPDATE",
    "AddRowSecurity",
    "ColumnPermissions",
    "Context",
    "CurrentTenant",
    "CurrentUser",
    "Exists",
    "Group",
    "InvalidContext",
    "NoContext",
    "ObjectPermissions",
    "OwnerPolicy",
    "Permission",
    "PermissionDenied",
    "Policy",
    "RemoveRowSecurity",
    "Role",
    "RowSecurity",
    "SameTenant",
    "Setting",
    "as_context",
    "as_role",
    "as_system",
    "as_tenant",
    "as_user",
    "current_context",
    "in_context",
    "loud_denials",
    "protect",
    "seal",
    "unseal",
]
