"""As whom, and in which tenant, a user of django-rls-tenants' kind runs here."""

from typing import Any

from django.http import HttpRequest

from rls_perms.exceptions import ConfigurationError, NoContext
from rls_perms.session import Entering, as_user


def tenant_of(user: Any) -> Any:
    """
    The key of the tenant that *user* runs in; None for nobody and for who has every tenant's.

    Raises ConfigurationError for a tenant admin who is no superuser, since PostgreSQL asks
    Django's ``is_superuser`` and no property, and NoContext for a user without a tenant.
    """
    if getattr(user, "is_anonymous", False) is True:
        return None
    if user.is_tenant_admin:
        if not user.is_superuser:
            raise ConfigurationError(
                f"{user!r} has is_tenant_admin and is no superuser. PostgreSQL lets superusers "
                "without a tenant see the rows of all tenants, and nobody else. Set is_superuser, "
                "or run what needs all of them inside of as_system(reason='...')."
            )
        return None
    if user.rls_tenant_id is None:
        raise NoContext(
            f"{user!r} has rls_tenant_id=None and is no tenant admin, so no row is theirs. Give "
            "the user a tenant, or is_superuser."
        )
    return user.rls_tenant_id


def as_tenant_user(user: Any) -> Entering:
    """Run as *user*, with their own permissions, in the tenant that their properties say."""
    return as_user(user, tenant=tenant_of(user))


def user_tenant(request: HttpRequest) -> Any:
    """
    For ``RLS_PERMS["TENANT_RESOLVER"]``: the tenant that the user's ``rls_tenant_id`` says.

    A project needs it where that is not the user model's own and only foreign key to the
    tenant. Raises as ``tenant_of``, which fails the request.
    """
    return tenant_of(request.user)
