"""Databases of their own for tests that change what a whole project shares."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import count
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.test import override_settings

from rls_perms.conf import get_settings
from tests import databases

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "secret"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One project's database: its name, which its roles start with."""

    name: str

    @property
    def boss(self) -> str:
        return f"{self.name}_boss"

    @property
    def web(self) -> str:
        return f"{self.name}_web"

    def role(self, short: str) -> str:
        return f"{self.name}_{short}"

    def rows(self, query: str, *parameters: object, user: str | None = None) -> list[tuple]:
        """What *query* answers, as the administrator of the server or as *user*."""
        credentials = {} if user is None else {"user": user, "password": PASSWORD}
        with psycopg.connect(dbname=self.name, autocommit=True, **credentials) as connection:
            cursor = connection.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *parameters: object, user: str | None = None) -> object:
        return self.rows(query, *parameters, user=user)[0][0]

    def as_boss(self, query: str, *parameters: object) -> list[tuple]:
        return self.rows(query, *parameters, user=self.boss)

    def roles(self) -> set[str]:
        """The short names of its roles, but its owner and its login."""
        found = self.rows(
            "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", f"{self.name}_"
        )
        return {name.removeprefix(f"{self.name}_") for (name,) in found} - {"boss", "web"}

    def snapshot(self) -> list[tuple]:
        """Roles, memberships, tables, policies and privileges, to be compared."""
        return [
            *self.rows(
                "SELECT r.rolname::text, shobj_description(r.oid, 'pg_authid'), m.rolname::text"
                " FROM pg_roles r LEFT JOIN pg_auth_members am ON am.roleid = r.oid"
                " LEFT JOIN pg_roles m ON m.oid = am.member"
                " WHERE starts_with(r.rolname, %s) ORDER BY 1, 3",
                f"{self.name}_",
            ),
            *self.rows(
                "SELECT relnamespace::regnamespace::text, relname::text, one.acl::text"
                " FROM pg_class, unnest(coalesce(relacl, acldefault('r', relowner))) AS one (acl)"
                " WHERE relnamespace::regnamespace::text !~ '^(pg_|information)' AND relkind <> 'i'"
                " ORDER BY 1, 2, 3"
            ),
            *self.rows("SELECT tablename::text, policyname::text FROM pg_policies ORDER BY 1, 2"),
            *self.rows(
                "SELECT nspname::text, one.acl::text FROM pg_namespace, unnest(nspacl) AS one (acl)"
                " ORDER BY 1, 2"
            ),
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What makes tests.settings, in another process, those of this deployment."""
        run, _, worker = self.name.removeprefix("rls_").rpartition("_")
        return {"RLS_PERMS_TEST_RUN": run, "PYTEST_XDIST_WORKER": worker}

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command of manage.py in a process of its own, with other settings."""
        return self.python("-m", "django", *arguments, **environment)

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Python in a process of its own, with the settings of this deployment."""
        own = {"DJANGO_SETTINGS_MODULE": "tests.settings", **self.environment}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **own, **environment},
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def at(name: str) -> Iterator[None]:
    """Point every alias of this process at the database *name*, with its own credentials."""
    before = {alias: dict(one) for alias, one in settings.DATABASES.items()}
    _close()
    for one in settings.DATABASES.values():
        one["USER"] = one["USER"].replace(one["NAME"], name)
        one["NAME"] = name
    get_settings.cache_clear()
    try:
        yield
    finally:
        _close()
        for alias, one in before.items():
            settings.DATABASES[alias].update(one)
        get_settings.cache_clear()


def _close() -> None:
    """Close every connection, those that a pool keeps too: it knows one database."""
    connections.close_all()
    for connection in connections.all(initialized_only=True):
        connection.close_pool()


@contextmanager
def without_live_triggers() -> Iterator[None]:
    """LIVE_SYNC is False, and a sync has obeyed; another obeys what holds after."""
    given = {**settings.RLS_PERMS, "LIVE_SYNC": False}
    try:
        with override_settings(RLS_PERMS=given):
            sync_pg_roles()
            yield
    finally:
        sync_pg_roles()


@contextmanager
def empty() -> Iterator[Deployment]:
    """A database without a table, its owner and its login, which this process uses."""
    deployment = Deployment(f"{settings.PROJECT}x{next(_numbers)}")
    databases.make(deployment.name, PASSWORD)
    try:
        with at(deployment.name):
            yield deployment
    finally:
        databases.remove(deployment.name)


def migrate(*arguments: str, database: str = "owner") -> None:
    call_command("migrate", *arguments, database=database, verbosity=0)


@dataclass(frozen=True, slots=True)
class Said:
    """What sync_pg_roles wrote, and how it ended."""

    status: int
    out: str
    err: str


def sync_pg_roles(**options: object) -> Said:
    """Run the command in this process; its status is what manage.py would exit with."""
    out, err = StringIO(), StringIO()
    try:
        call_command("sync_pg_roles", stdout=out, stderr=err, no_color=True, **options)
    except CommandError as error:
        return Said(error.returncode, out.getvalue(), f"{err.getvalue()}{error}")
    return Said(0, out.getvalue(), err.getvalue())


READS = ("SELECT", "SHOW", "DECLARE", "BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")


@contextmanager
def written(alias: str = "owner") -> Iterator[list[str]]:
    """Collect the statements on *alias* that are no reads."""
    found: list[str] = []

    def note(execute, sql, params, many, context):
        if not sql.strip().upper().startswith(READS):
            found.append(sql)
        return execute(sql, params, many, context)

    with connections[alias].execute_wrapper(note):
        yield found
