"""What happens around migrate: install before it, sync after it."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth import management as auth
from django.core.management.base import CommandError
from django.db import connections

from rls_perms import catalog
from rls_perms.exceptions import RlsPermsError
from rls_perms.policies.constraint import is_ours
from rls_perms.sync.apply import sync
from rls_perms.sync.following import follow
from rls_perms.sync.install import install


def _warn(messages: Iterable[str]) -> None:
    """As sync_pg_roles does; the signals of migrate bring no stream for errors along."""
    for message in messages:
        sys.stderr.write(f"Warning: {message}\n")


def before_migrate(*, app_config: AppConfig, using: str, **options: Any) -> None:
    """Install the schema and its functions."""
    connection = connections[using]
    if app_config.label != _first() or not concerns(connection):
        return
    if catalog.is_standby(connection):
        # What its primary has comes to it by itself.
        return
    with _said_plainly():
        install(connection)


def after_migrate(*, app_config: AppConfig, using: str, verbosity: int = 1, **options: Any) -> None:
    """Sync once, after every app has made its tables and permissions."""
    connection = connections[using]
    if app_config.label != _last() or not concerns(connection):
        return
    if catalog.is_standby(connection):
        return
    # Auth's own handlers may come after this one; they make what is missing, and nothing twice.
    # The apps are those that are migrated: auth's tables may not be there yet.
    migrated = options.get("apps", apps)
    # Since Django 6.1. First, as there: what is made under the new name stops a rename.
    rename = getattr(auth, "rename_permissions_after_model_rename", None)
    if rename is not None:
        rename(app_config, verbosity=0, plan=options.get("plan"), using=using, apps=migrated)
    auth.create_permissions(app_config, verbosity=0, interactive=False, using=using, apps=migrated)
    with _said_plainly():
        if connection.settings_dict.get(catalog.TEST_WATCHED):
            # After the flush that ends a TransactionTestCase, of which there may be many.
            follow(connection, anyway=True)
            return
        outcome = sync(connection)
    # The groups of a test database are made by tests: that it lacks them is no slip.
    if verbosity and not connection.settings_dict.get(catalog.TEST_DATABASE):
        _warn(outcome.warnings)


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Let migrate end with the message alone, as a command does, and not with a traceback."""
    try:
        yield
    except CommandError:
        raise
    except RlsPermsError as error:
        raise CommandError(str(error)) from error


def concerns(connection: Any) -> bool:
    """Whether it is PostgreSQL, and the library's to sync."""
    return connection.vendor == "postgresql" and is_ours(connection)


def _apps() -> list[str]:
    """The apps for which Django sends the signals of migrate, in order."""
    return [one.label for one in apps.get_app_configs() if one.models_module is not None]


def _first() -> str:
    return _apps()[0]


def _last() -> str:
    return _apps()[-1]
