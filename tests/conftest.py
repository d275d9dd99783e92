"""A deployed project for each test process: its own database, the login's credentials."""

import os
from collections.abc import Iterator

import django
import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("RLS_PERMS_TEST_RUN", str(os.getpid()))
django.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from tests import databases, deployments, kept  # noqa: E402

#: Projects of their own, with settings of their own: test_projects.py runs them.
collect_ignore = ["agency", "atlas", "shop", "signup"]


@pytest.fixture(scope="session")
def deployed() -> Iterator[None]:
    """The project's database, migrated and synced by its owner."""
    default = settings.DATABASES["default"]
    databases.make(settings.PROJECT, default["PASSWORD"])
    call_command("migrate", database="owner", verbosity=0)
    yield
    connections.close_all()
    kept.close()
    databases.remove(settings.PROJECT)


@pytest.fixture
def db(deployed: None) -> Iterator[None]:
    """The deployed database, without a row of what another test committed."""
    kept.empty()
    yield
    for connection in connections.all(initialized_only=True):
        connection.close()


@pytest.fixture(scope="module")
def deployment() -> Iterator[deployments.Deployment]:
    """A migrated database of a module's own, which this process uses meanwhile."""
    with deployments.empty() as made:
        deployments.migrate()
        yield made


@pytest.fixture
def drop_policies(db: None):
    """Drop policies by a pattern of their names; they are written anew after the test."""
    yield lambda pattern: _execute(
        "DO $$ DECLARE one record; BEGIN"
        " FOR one IN SELECT * FROM pg_policies WHERE policyname LIKE "
        f"'{pattern}' LOOP EXECUTE format('DROP POLICY %I ON %I', one.policyname, one.tablename);"
        " END LOOP; END $$"
    )
    _declare_again()


@pytest.fixture
def drop_tenant_terms(db: None):
    """Take the tenant out of the permissive policies: the floor is left to hold it."""
    term = "(tenant_id = ( SELECT rls_perms.tenant_id() AS tenant_id))"
    yield lambda: _execute(
        "DO $$ DECLARE one record; BEGIN"
        " FOR one IN SELECT * FROM pg_policies WHERE permissive = 'PERMISSIVE'"
        " AND (policyname NOT LIKE 'superuser%') LOOP"
        " IF position($t$" + term + "$t$ in one.qual) > 0 THEN"
        " EXECUTE format('ALTER POLICY %I ON %I USING (%s)', one.policyname, one.tablename,"
        " replace(one.qual, $t$" + term + "$t$, '(true)')); END IF;"
        " IF position($t$" + term + "$t$ in one.with_check) > 0 THEN"
        " EXECUTE format('ALTER POLICY %I ON %I WITH CHECK (%s)', one.policyname, one.tablename,"
        " replace(one.with_check, $t$" + term + "$t$, '(true)')); END IF;"
        " END LOOP; END $$"
    )
    _declare_again()


def _execute(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)


def _declare_again() -> None:
    """Write the policies of every model of the office anew."""
    from django.apps import apps

    from rls_perms.policies.constraint import declaration

    with connections["owner"].schema_editor() as editor:
        for model in apps.get_app_config("office").get_models():
            declared = declaration(model)
            if declared is not None:
                editor.execute(declared.create_sql(model, editor), params=None)
