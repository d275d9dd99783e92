"""A deployed project for each test process: its own database, the login's credentials."""

import os
from collections.abc import Iterator

import django
import psycopg
import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("RLS_PERMS_TEST_RUN", str(os.getpid()))
django.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from tests import databases  # noqa: E402


@pytest.fixture(scope="session")
def deployed() -> Iterator[None]:
    """The project's database, migrated and synced by its owner."""
    default = settings.DATABASES["default"]
    databases.make(settings.PROJECT, default["PASSWORD"])
    call_command("migrate", database="owner", verbosity=0)
    yield
    connections.close_all()
    databases.remove(settings.PROJECT)


@pytest.fixture
def db(deployed: None) -> Iterator[None]:
    """The deployed database; what a test commits is removed after it."""
    yield
    for connection in connections.all(initialized_only=True):
        connection.close()
    _empty()


def _empty() -> None:
    with psycopg.connect(
        dbname=settings.PROJECT, user=f"{settings.PROJECT}_boss",
        password=settings.DATABASES["owner"]["PASSWORD"], autocommit=True,
    ) as connection:
        tables = connection.execute(
            "SELECT string_agg(format('%I', relname), ', ') FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')"
        ).fetchone()[0]
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
