"""``django_rls_tenants.tenants``: contexts, managers, the model, test utilities."""

from importlib import import_module
from typing import Any

from rls_perms.contrib.django_rls_tenants.exceptions import (
    NoTenantContextError,
    RLSConfigurationError,
    RLSTenantError,
)
from rls_perms.contrib.django_rls_tenants.refused import refuse

#: What is imported when it is first asked for: some of it is there with the models only.
_LATER = {
    "MultiTenantUser": "types",
    "RLSManager": "managers",
    "RLSProtectedModel": "models",
    "TenantQuerySet": "managers",
    "TenantUser": "types",
    "admin_context": "context",
    "async_admin_context": "context",
    "async_tenant_context": "context",
    "clear_tenant_selection": "selection",
    "get_current_tenant_id": "state",
    "get_rls_context_active": "state",
    "switch_tenant": "selection",
    "tenant_context": "context",
    "with_rls_context": "context",
}

__all__ = [*_LATER, "NoTenantContextError", "RLSConfigurationError", "RLSTenantError"]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        return refuse("tenants", name)
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
