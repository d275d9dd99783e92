"""Let the roles of a test database follow the groups and permissions that a test writes."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from rls_perms import catalog
from rls_perms.context import current
from rls_perms.statements import test_database as text
from rls_perms.statements.changes import statement
from rls_perms.statements.install import LOCK
from rls_perms.statements.render import text as as_text
from rls_perms.sync.apply import plan
from rls_perms.sync.install import user_tables

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def watch(connection: "BaseDatabaseWrapper") -> None:
    """
    Have the database itself note what roles follow from.

    A note is undone with what it notes, by a rollback to a savepoint too, and is seen by
    other connections as soon as that is; nothing in Python could be as right.
    """
    users = user_tables(connection)
    schema = catalog.current_schema(connection)
    models: list[Any] = [Permission, ContentType]
    if users.groups is not None:
        field: Any = apps.get_model(settings.AUTH_USER_MODEL)._meta.get_field("groups")
        group = field.remote_field.model
        models += [group, group._meta.get_field("permissions").remote_field.through]
    tables = [f"{schema}.{model._meta.db_table}" for model in models]
    if users.permissions is not None:
        tables.append(users.permissions[0])
    columns = [name for name in (users.active, users.superuser) if name is not None]
    with connection.cursor() as cursor:
        cursor.execute(as_text(text.watch(tables, users.users, columns)))
    connection.settings_dict[catalog.TEST_WATCHED] = True


def follow(connection: "BaseDatabaseWrapper", *, anyway: bool = False) -> bool:
    """
    Sync if something was noted, in the transaction that is open; whether there was.

    Which combinations of groups users have is not watched: their roles are made on first use.
    """
    token = current.set(None)
    try:
        with connection.unseen(), connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(text.CHANGED)
            (changed,) = cursor.fetchone()
            if changed or anyway:
                _sync(connection, cursor)
            return bool(changed)
    finally:
        current.reset(token)


def _sync(connection: "BaseDatabaseWrapper", cursor: Any) -> None:
    """As ``sync`` does, but with one plan and one message: a test may need it many times."""
    version = catalog.server_version(connection)
    with transaction.atomic(using=connection.alias, savepoint=False):
        catalog.lock(connection, LOCK)
        with catalog.as_installed(catalog.installation(connection)):
            changes = [as_text(statement(one, version)) for one in plan(connection).plan]
        cursor.execute("; ".join([*changes, text.FORGET_CHANGES]))
