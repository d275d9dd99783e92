"""A dump has every row, and a database that was restored from it needs nothing more."""

import os
import subprocess
from contextlib import contextmanager
from functools import cache
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from psycopg.sql import SQL, Identifier

from rls_perms import PermissionDenied, as_user
from tests import databases, people, postgres
from tests.deployments import PASSWORD, sync_pg_roles
from tests.office.models import Document, Ticket

pytestmark = pytest.mark.slow

ROLES_ONLY = ("--roles-only", "--no-role-passwords")


@cache
def tools():
    """The folder of the server's own version: an older pg_dump refuses to work."""
    with psycopg.connect(dbname="postgres") as connection:
        version = connection.info.server_version // 10_000
    for folder in postgres.candidates():
        said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, check=False)
        if f" {version}.".encode() in said.stdout:
            return folder
    pytest.skip(f"there is no pg_dump {version}")


def run(tool, *arguments):
    return subprocess.run(
        [tools() / tool, *arguments],
        env={**os.environ, "PGPASSWORD": PASSWORD, "LC_ALL": "C"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def clerk(deployment):
    """Who may view tickets, of which each of two tenants has one; nobody may view documents."""
    tenants = people.tenant("acme"), people.tenant("bolt")
    for one in tenants:
        people.make(Ticket(tenant=one, title=one.name))
        people.make(Document(tenant=one, title=one.name))
    group = people.group("Clerks", "office.view_ticket")
    made = people.user("clerk", tenant=tenants[0], groups=[group])
    sync_pg_roles()
    return made


@pytest.fixture(scope="module")
def backup(deployment, clerk):
    """The role that docs/servers.md makes for backups."""
    role = deployment.role("backup")
    databases.administrate(
        SQL("CREATE ROLE {} LOGIN BYPASSRLS PASSWORD {}").format(Identifier(role), PASSWORD),
        SQL("GRANT pg_read_all_data TO {}").format(Identifier(role)),
    )
    return role


@pytest.fixture(scope="module")
def dumped(deployment, backup, tmp_path_factory):
    path = tmp_path_factory.mktemp("backup") / "acme.dump"
    done = run("pg_dump", "-U", backup, "-Fc", "-f", path, deployment.name)
    assert (done.returncode, done.stderr) == (0, "")
    return path


def restore(deployment, dump):
    """As docs/servers.md says, into a database that is made anew, as its owner."""
    connections.close_all()
    name, boss = Identifier(deployment.name), Identifier(deployment.boss)
    databases.administrate(
        SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name),
        SQL("CREATE DATABASE {} OWNER {}").format(name, boss),
    )
    return run("pg_restore", "-U", deployment.boss, "-d", deployment.name, dump)


@contextmanager
def copy(deployment, dump):
    """The name of a database beside the deployment's, with what the dump has."""
    name = f"{deployment.name}_copy"
    databases.administrate(
        SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(deployment.boss))
    )
    run("pg_restore", "-U", deployment.boss, "-d", name, dump)
    try:
        connections.close_all()
        yield name
    finally:
        connections.close_all()
        databases.administrate(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def shown():
    """What rls_show --check prints; it ends with an error where anything differs."""
    out = StringIO()
    call_command("rls_show", check=True, stdout=out)
    return out.getvalue()


def seen_by(user):
    with as_user(user):
        return [one.title for one in Ticket.objects.all()]


def test_the_owner_cannot_dump(deployment, clerk):
    done = run("pg_dump", "-U", deployment.boss, deployment.name)

    assert done.returncode == 1
    assert "query would be affected by row-level security policy" in done.stderr


def test_the_role_for_backups_dumps_every_row(dumped):
    script = run("pg_restore", "-f", "-", dumped).stdout

    _, _, rows = script.partition("COPY public.office_document (")
    assert ("acme" in rows.partition("\\.")[0], "bolt" in rows.partition("\\.")[0]) == (True, True)


def test_what_was_restored_where_the_roles_are_needs_nothing(deployment, clerk, dumped):
    done = restore(deployment, dumped)

    assert (done.returncode, done.stderr) == (0, "")
    assert sync_pg_roles(check=True).status == 0
    assert shown()
    assert seen_by(clerk) == ["acme"]
    assert Document.objects.using("owner").count() == 2


def test_a_copy_under_another_name_is_refused(deployment, dumped, monkeypatch):
    with copy(deployment, dumped) as name:
        monkeypatch.setitem(connections["owner"].settings_dict, "NAME", name)
        said = sync_pg_roles()

    assert said.status == 1
    assert f"The database {name!r} holds the installation of {deployment.name!r}" in said.err


def test_roles_come_to_another_cluster_by_a_dump_of_their_own(
    deployment, clerk, backup, dumped, tmp_path
):
    roles = run("pg_dumpall", "-U", backup, "-l", deployment.name, *ROLES_ONLY)
    # Other tests' roles are in this cluster, too.
    of_project = [line for line in roles.stdout.splitlines() if f"{deployment.name}_" in line]
    (tmp_path / "roles.sql").write_text("\n".join(of_project))
    connections.close_all()
    databases.remove(deployment.name)

    made = run("psql", "-X", "-q", "-d", "postgres", "-f", tmp_path / "roles.sql")
    for one in (deployment.boss, deployment.web):
        databases.administrate(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(one), PASSWORD))
    done = restore(deployment, dumped)

    assert (roles.returncode, made.returncode, made.stderr) == (0, 0, "")
    assert (done.returncode, done.stderr) == (0, "")
    assert sync_pg_roles(check=True).status == 0
    assert seen_by(clerk) == ["acme"]


def test_what_was_restored_without_the_roles_is_closed(deployment, clerk, dumped):
    connections.close_all()
    databases.make(deployment.name, PASSWORD)

    done = restore(deployment, dumped)
    said = sync_pg_roles()

    assert 'role "' in done.stderr
    assert "only the owner may use its table" in said.err
    with pytest.raises(PermissionDenied):
        seen_by(clerk)
