"""What django-rls-tenants asks of a user: two properties."""

from collections.abc import Collection
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class TenantUser(Protocol):
    """A user who tells their tenant. Here it has to be a row of ``AUTH_USER_MODEL``, too."""

    @property
    def is_tenant_admin(self) -> bool:
        """Whether the user has every tenant's rows; here only a superuser may say so."""

    @property
    def rls_tenant_id(self) -> Any:
        """The key of the user's tenant; None for who has every tenant's rows."""


@runtime_checkable
class MultiTenantUser(TenantUser, Protocol):
    """A user of several tenants; ``RLS_PERMS["TENANT_RESOLVER"]`` chooses one for a request."""

    @property
    def rls_tenant_ids(self) -> Collection[Any]:
        """The keys of the tenants that the user may choose."""
