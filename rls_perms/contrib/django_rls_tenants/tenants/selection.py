"""Choose the tenant of a session, for users of several."""

from typing import Any

from django.http import HttpRequest

from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError
from rls_perms.expressions import tenant_model_key
from rls_perms.resolvers import choose_tenant
from rls_perms.session import tenant_key

__all__ = ["clear_tenant_selection", "switch_tenant"]

RESOLVER = "rls_perms.resolvers.from_session"


def switch_tenant(request: HttpRequest, tenant_id: Any) -> Any:
    """
    Let the session's user work in a tenant from the next request on; returns its key.

    It is ``rls_perms.resolvers.choose_tenant``. Which tenants are a user's says the user model's
    foreign key or ``MEMBERSHIP_MODEL``, and no property ``rls_tenant_ids``. Raises
    PermissionDenied for another tenant, and ConfigurationError where ``TENANT_RESOLVER`` does
    not read the session: the choice would count for nothing.
    """
    _check_resolver()
    choose_tenant(request, tenant_id)
    return tenant_model_key().to_python(tenant_key(tenant_id))


def clear_tenant_selection(request: HttpRequest) -> None:
    """Take the choice of ``switch_tenant`` back."""
    _check_resolver()
    choose_tenant(request, None)


def _check_resolver() -> None:
    found = get_settings().tenant_resolver
    if found != RESOLVER:
        raise ConfigurationError(
            f"RLS_PERMS['TENANT_RESOLVER'] is {found!r}, so a tenant that is kept in the session "
            f"would count for nothing. Write {RESOLVER!r}."
        )
