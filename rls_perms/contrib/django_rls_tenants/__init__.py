"""
The names of django-rls-tenants, on top of rls_perms: moving over is a change of imports.

Write ``rls_perms.contrib.django_rls_tenants`` for ``django_rls_tenants`` wherever a project
imports from it, in its old migrations too. docs/from_django_rls_tenants.md has the steps, what
each name does here, and what is different. A name that has no equivalent raises ImportError,
which says what to write instead.
"""

from importlib import import_module
from typing import Any

from rls_perms.contrib.django_rls_tenants.refused import refuse

_HERE = "rls_perms.contrib.django_rls_tenants"
#: What is imported when it is first asked for: some of it is there with the models only.
_LATER = {
    "AddM2MRLSPolicy": "operations",
    "AddRLSPolicy": "operations",
    "MultiTenantUser": "tenants.types",
    "RLSConstraint": "rls.constraints",
    "RLSM2MConstraint": "rls.constraints",
    "RLSManager": "tenants.managers",
    "RLSProtectedModel": "tenants.models",
    "RLSTenantMiddleware": "tenants.middleware",
    "RLSTenantModelAdmin": "tenants.admin",
    "RawPredicate": "rls.predicates",
    "SharedWith": "rls.predicates",
    "TenantField": "rls.predicates",
    "TenantQuerySet": "tenants.managers",
    "TenantUser": "tenants.types",
    "admin_context": "tenants.context",
    "async_admin_context": "tenants.context",
    "async_tenant_context": "tenants.context",
    "clear_tenant_selection": "tenants.selection",
    "current_tenant_value_sql": "tenants.sql",
    "safe_tenant_sql": "tenants.sql",
    "switch_tenant": "tenants.selection",
    "tenant_context": "tenants.context",
    "with_rls_context": "tenants.context",
}

__all__ = list(_LATER)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        return refuse("", name)
    return getattr(import_module(f"{_HERE}.{_LATER[name]}"), name)
