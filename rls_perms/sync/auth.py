"""Read what Django's auth tables say about groups, permissions and users."""

from collections import defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.exceptions import FieldDoesNotExist
from django.db import connections

from rls_perms.conf import get_settings
from rls_perms.desired import Auth
from rls_perms.memberships import membership_model, tenant_field

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def read_auth(connection: "BaseDatabaseWrapper") -> Auth:
    """Groups, their permissions, and the combinations that active users have."""
    alias = connection.alias
    present = set(connection.introspection.table_names())
    user = apps.get_model(settings.AUTH_USER_MODEL)
    if not {Permission._meta.db_table, user._meta.db_table} <= present:
        return Auth(groups={}, group_permissions={}, combinations=frozenset(), permission_ids={})
    names = {
        pk: f"{app_label}.{codename}"
        for pk, app_label, codename in Permission.objects.using(alias).values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    group = many_to_many(user, "groups")
    groups: dict[str, str] = {}
    held: defaultdict[str, set[str]] = defaultdict(set)
    if group is not None:
        model = group.remote_field.model
        rows = model._base_manager.using(alias).values_list("pk", "name")
        groups = {str(pk): name for pk, name in rows}
        permissions = many_to_many(model, "permissions")
        if permissions is not None:
            for group_key, permission_key in _pairs(permissions, alias):
                held[str(group_key)].add(names[permission_key])
    return Auth(
        groups=groups,
        group_permissions={key: frozenset(value) for key, value in held.items()},
        combinations=_combinations(user, alias, names),
        permission_ids={name: str(pk) for pk, name in names.items()},
        direct=_direct(user, alias, names),
        tenants=_tenants(alias, present),
    )


def _tenants(alias: str, present: Collection[str]) -> frozenset[str] | None:
    """The keys of all tenants, if each has a role."""
    conf = get_settings()
    if conf.tenant_roles is None or conf.tenant_model is None:
        return None
    model: Any = apps.get_model(conf.tenant_model)
    if model._meta.db_table not in present:
        return frozenset()
    return frozenset(map(str, model._base_manager.using(alias).values_list("pk", flat=True)))


def _direct(user: Any, alias: str, names: dict[Any, str]) -> frozenset[str]:
    """What some user holds directly, whoever it is: then nothing changes with is_active."""
    field = many_to_many(user, "user_permissions")
    if field is None:
        return frozenset()
    held = _pairs(field, alias).values_list(_names(field)[1], flat=True)
    return frozenset(names[pk] for pk in held.distinct())


def _combinations(
    user: Any, alias: str, names: dict[Any, str]
) -> frozenset[tuple[frozenset[str], frozenset[str], str | None]]:
    """Those of active users who are no superusers: the others have roles of their own."""
    filters = {
        name: value
        for name, value in (("is_active", True), ("is_superuser", False))
        if _has_field(user, name)
    }
    users = user._base_manager.using(alias).filter(**filters)
    own = _own_tenants(users)
    counted = set(users.values_list("pk", flat=True))
    groups: defaultdict[Any, set[str]] = defaultdict(set)
    permissions: defaultdict[Any, set[str]] = defaultdict(set)
    for field_name, found, text in (
        ("groups", groups, str),
        ("user_permissions", permissions, names.__getitem__),
    ):
        field = many_to_many(user, field_name)
        if field is not None:
            for user_key, other_key in _pairs(field, alias):
                found[user_key].add(text(other_key))
    in_tenants = _in_tenants(alias)
    placed = own.keys() | {key for key, _ in in_tenants}
    combinations = {
        (frozenset(groups[key]), frozenset(permissions[key]), own.get(key))
        for key in counted & (groups.keys() | permissions.keys() | own.keys())
        # Where tenants have roles, whoever is in some is not expected without one.
        if key in own or key not in placed or get_settings().tenant_roles is None
    }
    for (key, tenant), held in in_tenants.items():
        if key in counted:
            where = None if get_settings().tenant_roles is None else str(tenant)
            combinations.add((frozenset(groups[key] | held), frozenset(permissions[key]), where))
    return frozenset(combinations)


def _own_tenants(users: Any) -> dict[Any, str]:
    """User -> the tenant of their foreign key, where tenants have roles."""
    field = tenant_field()
    if field is None or get_settings().tenant_roles is None:
        return {}
    pairs = users.filter(**{f"{field.name}__isnull": False}).values_list("pk", field.attname)
    return {user: str(tenant) for user, tenant in pairs}


def _in_tenants(alias: str) -> dict[tuple[Any, Any], set[str]]:
    """The groups that each user has in one tenant, by the keys of both."""
    memberships = membership_model()
    tables = connections[alias].introspection.table_names()
    if memberships is None or not memberships.tables <= set(tables):
        return {}
    found: defaultdict[tuple[Any, Any], set[str]] = defaultdict(set)
    names = memberships.user.attname, memberships.tenant.attname, memberships.groups.name
    for user, tenant, group in memberships.counting(alias).values_list(*names):
        # Of a membership without groups too: then they have what they have everywhere.
        found[user, tenant] |= set() if group is None else {str(group)}
    return found


def _pairs(field: Any, alias: str) -> Any:
    """The pairs of keys in the table of a many-to-many field."""
    through = field.remote_field.through
    return through._base_manager.using(alias).values_list(*_names(field))


def _names(field: Any) -> tuple[str, str]:
    """The attributes of the two keys in the table of a many-to-many field."""
    columns = {one.column: one.attname for one in field.remote_field.through._meta.concrete_fields}
    return columns[field.m2m_column_name()], columns[field.m2m_reverse_name()]


def many_to_many(model: Any, name: str) -> Any:
    """The many-to-many field of *model* with that name, None if it has none."""
    if not _has_field(model, name):
        return None
    field = model._meta.get_field(name)
    return field if field.many_to_many else None


def _has_field(model: Any, name: str) -> bool:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True
