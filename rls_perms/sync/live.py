"""Have the database follow its auth tables by itself, where its owner may."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.desired import Wanted, live_map
from rls_perms.identifiers import digest
from rls_perms.policies.compile import key_type, table_of
from rls_perms.state import Definition
from rls_perms.statements import advice
from rls_perms.statements import live as text
from rls_perms.statements.live import AuthTables, Live, LiveMap
from rls_perms.statements.render import joined
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Table
from rls_perms.statements.tenants import TenantTable
from rls_perms.sync.auth import many_to_many
from rls_perms.sync.install import tenant_table

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def live_definitions(
    connection: "BaseDatabaseWrapper", wanted: Wanted, owner: str
) -> tuple[frozenset[Definition], tuple[str, ...]]:
    """
    The map and the triggers as they should be, and warnings why there are none.

    There are none in test databases, whose roles follow by notes (``sync.following``).
    """
    off = Definition(catalog.NOT_LIVE, "", as_text(text.drop()))
    auth = auth_tables(connection)
    if wanted.is_test or auth is None or not get_settings().live_sync:
        return frozenset({off}), ()
    reasons = tuple(_obstacles(connection, auth, owner))
    if reasons:
        return frozenset({off}), reasons
    known = live_map(wanted)
    live = Live(
        prefix=wanted.names.prefix,
        database=wanted.names.database,
        owner=owner,
        tables=auth,
        logins=wanted.logins,
        server_version=catalog.server_version(connection),
        tenants=_present_tenants(connection),
    )
    return frozenset({_map(known), _triggers(live)}), ()


# A sync takes the difference up to three times, and most often writes neither text.
@lru_cache(maxsize=4)
def _map(known: LiveMap) -> Definition:
    return Definition(catalog.LIVE_MAP, known.digest, as_text(text.fill(known)))


@lru_cache(maxsize=4)
def _triggers(live: Live) -> Definition:
    made = text.install(live)
    fingerprint = digest(as_text(made), 16)
    triggers = as_text(joined([made, text.seal(fingerprint)], "\n"))
    return Definition(catalog.LIVE, fingerprint, triggers)


def _obstacles(connection: "BaseDatabaseWrapper", auth: AuthTables, owner: str) -> Iterator[str]:
    known = catalog.logins(connection, [owner])[owner]
    if not (known.makes_roles or known.superuser):
        yield (
            f"The owner {owner!r} lacks CREATEROLE, so changes of groups and of their permissions "
            "count with the next sync_pg_roles, not at once. Run: "
            f"{advice.alter_role(owner, 'CREATEROLE')}; or set RLS_PERMS['LIVE_SYNC'] to False."
        )
    tables = auth.tables()
    if (tenants := _present_tenants(connection)) is not None:
        tables.append(tenants.named)
    foreign = [table.name for table in tables if not catalog.owns(connection, owner, table)]
    if foreign:
        yield (
            f"{', '.join(foreign)} belongs to another role than the owner {owner!r}, so changes of "
            "groups and of their permissions count with the next sync_pg_roles, not at once. Make "
            "the table the owner's, or set RLS_PERMS['LIVE_SYNC'] to False."
        )


def auth_tables(connection: "BaseDatabaseWrapper") -> AuthTables | None:
    """Where the project keeps groups and permissions; None without groups or their tables."""
    user: Any = apps.get_model(settings.AUTH_USER_MODEL)
    groups = many_to_many(user, "groups")
    held = None if groups is None else many_to_many(groups.remote_field.model, "permissions")
    if groups is None or held is None:
        return None
    direct = many_to_many(user, "user_permissions")
    group: Any = groups.remote_field.model
    permission: Any = Permission
    content_type: Any = ContentType
    name = group._meta.get_field("name")
    schema = catalog.current_schema(connection)

    def table(model: Any) -> Table:
        found = table_of(model)
        return found if found.schema else Table(found.name, schema)

    def column(model: Any, field: str) -> str:
        return str(model._meta.get_field(field).column)

    def through(field: Any) -> tuple[Table, str, str]:
        found = table(field.remote_field.through)
        return found, str(field.m2m_column_name()), str(field.m2m_reverse_name())

    found = AuthTables(
        permissions=table(permission),
        permission_key=str(permission._meta.pk.column),
        codename=column(permission, "codename"),
        content_type=column(permission, "content_type"),
        content_types=table(content_type),
        content_type_key=str(content_type._meta.pk.column),
        app_label=column(content_type, "app_label"),
        model=column(content_type, "model"),
        groups=table(group),
        group_key=str(group._meta.pk.column),
        group_key_type=key_type(group._meta.pk, connection),
        names=table(name.model),
        names_key=str(name.model._meta.pk.column),
        name=str(name.column),
        group_permissions=through(held),
        user_permissions=None if direct is None else through(direct),
    )
    return found if catalog.has_tables(connection, found.tables()) else None


def followed_tables(connection: "BaseDatabaseWrapper") -> list[Table]:
    """The tables that have live triggers, or would have them."""
    auth, tenants = auth_tables(connection), _present_tenants(connection)
    if auth is None:
        return []
    found = auth.tables() if tenants is None else [*auth.tables(), tenants.named]
    return list(dict.fromkeys(found))


def _present_tenants(connection: "BaseDatabaseWrapper") -> TenantTable | None:
    """Where the tenants are, if each has a role; None before their table is made."""
    found = tenant_table(connection)
    if found is None or not catalog.has_tables(connection, [found.named]):
        return None
    return found
