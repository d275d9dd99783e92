"""Ask for the tenant of the context."""

from typing import Any

from rls_perms.context import current_context
from rls_perms.contrib.django_rls_tenants.refused import refuse
from rls_perms.expressions import tenant_model_key

__all__ = ["get_current_tenant_id", "get_rls_context_active"]


def get_current_tenant_id() -> Any:
    """
    The key of the context's tenant, as the tenant's model holds it; None if there is none.

    In a request it is found now, if no statement needed it before.
    """
    context = current_context()
    if context is None or context.tenant is None:
        return None
    return tenant_model_key().to_python(context.tenant)


def get_rls_context_active() -> bool:
    """Whether there is a context: a request's, even a visitor's, or an entered one."""
    return current_context() is not None


def __getattr__(name: str) -> Any:
    return refuse("tenants.state", name)
