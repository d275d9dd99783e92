"""Django's permission framework, enforced by PostgreSQL: roles, row security, object grants."""

from rls_perms.context import Context, current_context
from rls_perms.exceptions import NoContext, PermissionDenied
from rls_perms.expressions import CurrentTenant, CurrentUser
from rls_perms.keywords import Command
from rls_perms.loud import loud_denials
from rls_perms.policies import ObjectPermissions, OwnerPolicy, Policy, RowSecurity
from rls_perms.session import as_role, as_system, as_tenant, as_user
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
    "Context",
    "CurrentTenant",
    "CurrentUser",
    "Group",
    "NoContext",
    "ObjectPermissions",
    "OwnerPolicy",
    "Permission",
    "PermissionDenied",
    "Policy",
    "Role",
    "RowSecurity",
    "as_role",
    "as_system",
    "as_tenant",
    "as_user",
    "current_context",
    "loud_denials",
]
