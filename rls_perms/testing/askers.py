"""Who is asked for: every user, and nobody, in every tenant."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import connections

from rls_perms.backends.postgresql.base import DatabaseWrapper
from rls_perms.conf import get_settings
from rls_perms.context import current
from rls_perms.exceptions import WrongCredentials
from rls_perms.memberships import membership_model
from rls_perms.session import Entering, as_user, tenant_key
from rls_perms.testing import bare_login


@dataclass(frozen=True, slots=True, eq=False)
class Asker:
    """A user or nobody, in a tenant or in none, with values for ``Setting``."""

    user: Any
    tenant: Any = None
    settings: Mapping[str, Any] | None = None

    @property
    def active(self) -> bool:
        """Whether somebody asks: nobody and an inactive user have no groups and permissions."""
        return bool(self.user.is_authenticated and getattr(self.user, "is_active", True))

    @property
    def superuser(self) -> bool:
        return self.active and bool(getattr(self.user, "is_superuser", False))

    @property
    def groups(self) -> frozenset[str]:
        """The names of the groups that count."""
        if not (self.active and hasattr(self.user, "groups")):
            return frozenset()
        everywhere = self.user.groups.values_list("name", flat=True)
        return frozenset({*everywhere, *self._groups_in_tenant()})

    def _groups_in_tenant(self) -> Iterator[str]:
        memberships, tenant = membership_model(), tenant_key(self.tenant)
        if memberships is not None and tenant is not None:
            held = memberships.counting(user=self.user).filter(
                **{memberships.tenant.name: tenant, f"{memberships.groups.name}__isnull": False}
            )
            yield from held.values_list(f"{memberships.groups.name}__name", flat=True)

    def entered(self) -> Entering:
        """The context in which this asker's statements run."""
        return as_user(self.user, tenant=self.tenant, settings=self.settings)

    def __str__(self) -> str:
        who = str(self.user)
        if not self.active and self.user.is_authenticated:
            who = f"{who} (inactive)"
        if get_settings().tenant_model is not None:
            key = tenant_key(self.tenant)
            who += " without a tenant" if key is None else f" in tenant {key}"
        return who if not self.settings else f"{who} with {dict(self.settings)!r}"


def askers(
    users: Iterable[Any] | None,
    tenants: Iterable[Any] | None,
    settings: Iterable[Mapping[str, Any] | None],
    owner: str,
) -> Iterator[Asker]:
    """
    Each of *users*, read anew, and nobody, in each of *tenants* and in none.

    By default all users and all tenants that there are. *owner* is an alias that reads them.
    """
    model = get_user_model()
    everybody = model._base_manager.using(owner)
    if users is not None:
        everybody = everybody.filter(pk__in=[one.pk for one in users if one.is_authenticated])
    found: list[Any] = [*everybody.order_by("pk"), AnonymousUser()]
    for one in found[:-1]:
        # What belongs to them is read as Django's own code reads it.
        one._state.db = "default"
    for user in found:
        for tenant in _tenants(tenants, owner):
            for values in settings:
                yield Asker(user, tenant, values)


def _tenants(tenants: Iterable[Any] | None, owner: str) -> list[Any]:
    label = get_settings().tenant_model
    if label is None:
        return [None]
    if tenants is None:
        tenants = apps.get_model(label)._base_manager.using(owner).order_by("pk")
    return [*dict.fromkeys([*tenants, None])]


def owner_of(using: str) -> str:
    """
    The alias that reads and writes every row of what *using* asks for.

    In a test database that is *using* itself. Raises WrongCredentials without one.
    """
    connection = connections[using]
    if isinstance(connection, DatabaseWrapper) and connection.is_test:
        return using
    alias = get_settings().owner_of(using)
    if alias not in connections:
        raise WrongCredentials(
            f"{using!r} is no test database, and there is no alias {alias!r}: whoever compares has "
            "to read every row. Run it in a test, or give the owner's credentials in "
            f"DATABASES[{alias!r}]."
        )
    return alias


@contextmanager
def as_owner() -> Iterator[None]:
    """Be nobody: in a test database that is the owner."""
    token, bare = current.set(None), bare_login.set(False)
    try:
        yield
    finally:
        bare_login.reset(bare)
        current.reset(token)
