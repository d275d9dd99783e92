"""Which tables are Django's own: the login's, whatever the context."""

from dataclasses import dataclass
from functools import cache

from django.apps import apps
from django.conf import settings
from django.core.signals import setting_changed

from rls_perms.conf import get_settings
from rls_perms.memberships import membership_model


@dataclass(frozen=True, slots=True)
class FrameworkTables:
    """Tables of the framework, and the columns that session roles may read of some."""

    #: All tables of FRAMEWORK_APPS, the user model's and those of its groups and permissions,
    #: and guardian's for models with a foreign key of their own.
    names: frozenset[str]
    #: Table -> columns that a session role may read, so that joins to it work.
    readable: dict[str, frozenset[str]]


@cache
def framework_tables() -> FrameworkTables:
    """The tables of this project's framework; read once the apps are loaded."""
    from guardian.models import BaseObjectPermission

    conf = get_settings()
    user = apps.get_model(settings.AUTH_USER_MODEL)
    names = {field.model._meta.db_table for field in user._meta.concrete_fields}
    for app_label in conf.framework_apps:
        if app_label in apps.app_configs:
            models = apps.get_app_config(app_label).get_models(include_auto_created=True)
            names |= {model._meta.db_table for model in models}
    # Whoever may write these grants permissions, whichever app the model is in.
    names |= {
        model._meta.db_table
        for model in apps.get_models()
        if issubclass(model, BaseObjectPermission)
    }
    # Whoever may write a group of the project's own, or its members, grants what it holds.
    for field in user._meta.many_to_many:
        if field.name in ("groups", "user_permissions"):
            held = field.related_model._meta
            names |= {one.model._meta.db_table for one in held.concrete_fields}
            names |= {
                str(one.m2m_db_table()) for one in held.many_to_many if one.name == "permissions"
            }
    # Groups and permissions; what else the project keeps of its users is its own.
    names |= {
        str(field.m2m_db_table())
        for field in user._meta.many_to_many
        if field.related_model._meta.db_table in names
    }
    if (memberships := membership_model()) is not None:
        names |= memberships.tables
    readable: dict[str, frozenset[str]] = {}
    for field in user._meta.concrete_fields:
        # A user model that inherits from another keeps that one's columns in its table.
        table = field.model._meta.db_table
        if field.name not in conf.sensitive_fields:
            readable[table] = readable.get(table, frozenset()) | {field.column}
    if "contenttypes" in apps.app_configs:
        content_type = apps.get_model("contenttypes.ContentType")
        readable[content_type._meta.db_table] = frozenset(
            str(field.column) for field in content_type._meta.concrete_fields
        )
    return FrameworkTables(frozenset(names), readable)


@cache
def deciding_tables() -> tuple[bytes, ...]:
    """The tables that say which role a user has: whoever writes to one may change it."""
    user = apps.get_model(settings.AUTH_USER_MODEL)
    models = {user}
    names = set()
    for field in user._meta.many_to_many:
        if field.name in ("groups", "user_permissions"):
            names.add(str(field.m2m_db_table()))
        if field.name == "groups":
            models.add(field.related_model)
    if (memberships := membership_model()) is not None:
        names |= memberships.tables
    for model in models:
        names |= {one.model._meta.db_table for one in model._meta.concrete_fields}
    return tuple(sorted(name.strip('"').encode() for name in names))


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in ("RLS_PERMS", "AUTH_USER_MODEL", "INSTALLED_APPS"):
        framework_tables.cache_clear()
        deciding_tables.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rls_perms.framework")
