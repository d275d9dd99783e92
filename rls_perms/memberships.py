"""To which tenants a user belongs: by the user model's foreign key, and by memberships."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.core.signals import setting_changed
from django.db.models import ForeignKey, ManyToManyField

from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipModel:
    """A model with a user, a tenant, and the groups that this user has in that tenant."""

    model: Any
    user: Any
    tenant: Any
    #: A many-to-many field, or a foreign key to one group.
    groups: Any
    #: A boolean field ``is_active``: without it, or where it is false, there is no membership.
    active: Any = None

    def counting(self, alias: str | None = None, user: Any = None) -> Any:
        """The memberships that count; of *user* those that Django would read for them."""
        manager = self.model._base_manager
        if user is not None:
            manager = manager.db_manager(hints={"instance": user})
        found = manager.all() if alias is None else manager.using(alias)
        if self.active is not None:
            found = found.filter(**{self.active.name: True})
        return found if user is None else found.filter(**{self.user.name: user.pk})

    @property
    def tables(self) -> frozenset[str]:
        """The tables of memberships and of their groups: whoever writes these grants groups."""
        tables = {str(self.model._meta.db_table)}
        if self.groups.many_to_many:
            tables.add(str(self.groups.m2m_db_table()))
        return frozenset(tables)


def membership_model() -> MembershipModel | None:
    """What ``MEMBERSHIP_MODEL`` names; None without one. Raises ConfigurationError."""
    label = get_settings().membership_model
    return None if label is None else _membership_model(label)


@cache
def _membership_model(label: str) -> MembershipModel:
    at = f'RLS_PERMS["MEMBERSHIP_MODEL"] is {label!r}, but'
    tenant_label = get_settings().tenant_model
    if tenant_label is None:
        raise ConfigurationError(
            f"{at} there is no TENANT_MODEL whose tenants one could be a member of. Set "
            'RLS_PERMS["TENANT_MODEL"].'
        )
    model: Any = apps.get_model(label)
    if model._meta.proxy or model._meta.swapped:
        raise ConfigurationError(
            f"{at} that model has no table of its own. Name the model that has one."
        )
    user: Any = get_user_model()
    group = _group_model(user)
    if group is None:
        raise ConfigurationError(
            f"{at} {user._meta.label} has no groups: nothing says which model they are. Let the "
            "user model inherit PermissionsMixin, or give it a ManyToManyField 'groups'."
        )
    foreign = [one for one in model._meta.concrete_fields if isinstance(one, ForeignKey)]
    many = [one for one in model._meta.many_to_many if isinstance(one, ManyToManyField)]
    tenant = apps.get_model(tenant_label)
    return MembershipModel(
        model=model,
        user=_only(at, model, "user", foreign, user, "a foreign key"),
        tenant=_only(at, model, get_settings().tenant_fk_field, foreign, tenant, "a foreign key"),
        groups=_groups(at, model, foreign, many, group),
        active=_active(model),
    )


def _groups(at: str, model: Any, foreign: list[Any], many: list[Any], group: Any) -> Any:
    of_groups = [one for one in many if _leads_to(one, group)]
    if of_groups:
        return _only(at, model, "groups", of_groups, group, "a many-to-many field")
    what = "a ManyToManyField 'groups', or a foreign key 'group',"
    return _only(at, model, "group", foreign, group, what)


def _only(at: str, model: Any, name: str, fields: Iterable[Any], target: Any, what: str) -> Any:
    """The field of *model* that leads to *target*: the one called *name*, or the only one."""
    found = [one for one in fields if _leads_to(one, target)]
    named = [one for one in found if one.name == name] or found
    if len(named) != 1:
        many = f"{len(found)} of them and none is called {name!r}" if found else "none"
        raise ConfigurationError(
            f"{at} it must have {what} to {target._meta.label}, and it has {many}. Call one "
            f"{name!r}."
        )
    field = named[0]
    if field.model is not model:
        raise ConfigurationError(
            f"{at} its field {field.name!r} is in the table of {field.model._meta.label}. Write "
            "it into the model itself, or inherit from an abstract model."
        )
    if not field.many_to_many and not field.target_field.primary_key:
        raise ConfigurationError(
            f"{at} its field {field.name!r} points to {field.target_field.name!r} and not to the "
            f"primary key of {target._meta.label}. Leave to_field out."
        )
    return field


def _leads_to(field: Any, target: Any) -> bool:
    """Whether *field* relates to *target*, or to a proxy of it."""
    related = field.remote_field.model
    concrete = getattr(getattr(related, "_meta", None), "concrete_model", None)
    return concrete is not None and concrete is target._meta.concrete_model


def _group_model(user: Any) -> Any:
    try:
        return user._meta.get_field("groups").remote_field.model
    except FieldDoesNotExist:
        return None


def _active(model: Any) -> Any:
    try:
        return model._meta.get_field("is_active")
    except FieldDoesNotExist:
        return None


# Who belongs where


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
    """
    The keys of the tenants to which *user* belongs, as text.

    With a membership model that asks the database, each time: a membership that was taken
    away counts no more. The anonymous user belongs to none.
    """
    if getattr(user, "is_anonymous", False) is True:
        return frozenset()
    found: set[Any] = set()
    if (field := tenant_field()) is not None:
        found.add(getattr(user, field.attname))
    if (memberships := membership_model()) is not None:
        rows = memberships.counting(user=user)
        found |= {*rows.values_list(memberships.tenant.attname, flat=True)}
    return frozenset(str(one) for one in found if one is not None)


def belongs_to(user: Any, tenant: Any) -> bool:
    """
    Whether *user* belongs to *tenant*, a tenant, its key, or None for no tenant.

    This is the one place that says so. A superuser belongs to every tenant, a visitor is a
    guest in each, and everybody is without one. Where the project says nothing of the kind,
    with neither a foreign key at its users nor memberships, nobody can be told to be foreign.
    """
    if tenant is None or getattr(user, "is_superuser", False):
        return True
    if getattr(user, "is_anonymous", False) is True:
        return True
    if tenant_field() is None and membership_model() is None:
        return True
    return str(getattr(tenant, "pk", tenant)) in tenants_of(user)


def default_tenant(user: Any) -> Any:
    """
    The key of the tenant that *user* is in where nobody chose one; None without one.

    It is the user's own, by the foreign key, or else the only one of memberships: somebody in
    several is in none until they choose.
    """
    if getattr(user, "is_anonymous", False):
        return None
    field = tenant_field()
    own = None if field is None else getattr(user, field.attname)
    if own is not None or membership_model() is None or user.pk is None:
        return own
    found = tenants_of(user)
    return next(iter(found)) if len(found) == 1 else None


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in ("RLS_PERMS", "AUTH_USER_MODEL", "INSTALLED_APPS"):
        _membership_model.cache_clear()
        _foreign_key.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rls_perms.memberships")
