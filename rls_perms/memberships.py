"""To which tenants a user belongs: by the user model's foreign key."""

from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model

from rls_perms.conf import get_settings


def tenant_field() -> Any:
    """The user model's only foreign key to the tenant; None where it has none, or several."""
    label = get_settings().tenant_model
    if label is None:
        return None
    tenant: Any = apps.get_model(label)
    return _foreign_key(tenant, get_user_model())


@cache
def _foreign_key(tenant: Any, user: Any) -> Any:
    found = [
        field
        for field in user._meta.concrete_fields
        if field.is_relation and field.remote_field.model is tenant
    ]
    return found[0] if len(found) == 1 else None


def tenants_of(user: Any) -> frozenset[str]:
    """The keys of the tenants to which *user* belongs, as text; none for the anonymous user."""
    own = default_tenant(user)
    return frozenset() if own is None else frozenset([str(own)])


def belongs_to(user: Any, tenant: Any) -> bool:
    """
    Whether *user* belongs to *tenant*, a tenant, its key, or None for no tenant.

    This is the one place that says so. A superuser belongs to every tenant, a visitor is a
    guest in each, and everybody is without one. Where the project says nothing of the kind,
    nobody can be told to be foreign.
    """
    if tenant is None or getattr(user, "is_superuser", False):
        return True
    if getattr(user, "is_anonymous", False) is True or tenant_field() is None:
        return True
    return str(getattr(tenant, "pk", tenant)) in tenants_of(user)


def default_tenant(user: Any) -> Any:
    """The key of the only tenant that the user model gives *user*; None without one."""
    field = tenant_field()
    if field is None or getattr(user, "is_anonymous", False):
        return None
    return getattr(user, field.attname)
