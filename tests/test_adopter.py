"""An adopter's test suite passes as it is, and what it adds with as_user is enforced."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg.sql import SQL, Identifier

from tests import databases

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "adopter"
NAME = f"{settings.PROJECT}_firm"
PASSWORD = settings.DATABASES["default"]["PASSWORD"]
OWNER = {"ADOPTER_USER": f"{NAME}_web", "ADOPTER_OWNER": f"{NAME}_boss"}
SUPERUSER = {"ADOPTER_USER": os.environ.get("PGUSER", "postgres")}
CREDENTIALS = [pytest.param(OWNER, id="owner"), pytest.param(SUPERUSER, id="superuser")]


@pytest.fixture(autouse=True)
def firm():
    """The adopter's deployed database; no test leaves anything beside it."""
    databases.make(NAME, PASSWORD)
    yield
    # A test that fails may leave what the next one must not find.
    for (name,) in rows("SELECT datname FROM pg_database WHERE datname ~ %s", f"^test_{NAME}"):
        databases.administrate(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
    for (name,) in rows(
        # The owner last: it granted what the others have.
        "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY rolcreaterole",
        f"test_{NAME}_",
    ):
        databases.administrate(SQL("DROP ROLE {}").format(Identifier(name)))
    databases.remove(NAME)


def environment(credentials, **more):
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    ours |= {"PYTHONDONTWRITEBYTECODE": "1", "DJANGO_SETTINGS_MODULE": "firm.settings"}
    return {**ours, "ADOPTER_NAME": NAME, "ADOPTER_PASSWORD": PASSWORD, **credentials, **more}


def run(credentials, *arguments, **more):
    return subprocess.run(
        [sys.executable, *arguments], cwd=FOLDER, env=environment(credentials, **more),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def passes(credentials, *arguments, **more):
    ended = run(credentials, *arguments, **more)
    report = ended.stdout + ended.stderr
    assert ended.returncode == 0, report
    return report


def rows(query, *parameters):
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        return connection.execute(query, parameters).fetchall()


def left_of_tests():
    """Databases and roles of tests that are there now."""
    return rows(
        "SELECT datname FROM pg_database WHERE datname ~ %s"
        " UNION ALL SELECT rolname FROM pg_roles WHERE rolname ~ %s"
        " OR starts_with(shobj_description(oid, 'pg_authid'), %s)",
        f"^test_{NAME}", f"^test_{NAME}", f'rls_perms {{"project": "{NAME}_',
    )  # fmt: skip


def deployed_roles():
    """The roles of the deployed database, as they are in pg_authid and pg_auth_members."""
    return rows(
        "SELECT role::text, shobj_description(role.oid, 'pg_authid'),"
        " ARRAY(SELECT m::text FROM pg_auth_members AS m WHERE role.oid IN (roleid, member))"
        " FROM pg_authid AS role WHERE starts_with(rolname, %s)"
        # Memberships of the boss in roles of tests come and go.
        " AND rolname <> %s ORDER BY rolname",
        f"{NAME}_", f"{NAME}_boss",
    )  # fmt: skip


def test_the_suite_passes_with_djangos_own_backend():
    stock = {**SUPERUSER, "ADOPTER_STOCK": "1"}

    passes(stock, "manage.py", "test", "--noinput", "notes.tests_before")
    passes(stock, "manage.py", "test", "--noinput", "notes.serialized")


@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_the_suite_passes_unchanged_and_as_user_is_enforced(credentials):
    report = passes(credentials, "manage.py", "test", "--noinput")

    assert "Ran 57 tests" in report
    assert left_of_tests() == []


def test_serialized_rollback_restores_what_migrations_made():
    passes(OWNER, "manage.py", "test", "--noinput", "notes.serialized")


@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_clones_have_roles_of_their_own(credentials):
    report = passes(credentials, "manage.py", "test", "--noinput", "--parallel", "2")

    assert report.count("Cloning test database") == 2
    assert left_of_tests() == []


def test_a_database_is_kept():
    passes(OWNER, "manage.py", "test", "--noinput", "--keepdb", "notes.tests_as_user")
    passes(OWNER, "manage.py", "test", "--noinput", "--keepdb", "notes.tests_as_user")

    passes(OWNER, "manage.py", "test", "--noinput", "notes.tests_as_user.Requests")
    assert left_of_tests() == []


def test_a_kept_database_follows_settings_and_permissions():
    passes(OWNER, "manage.py", "test", "--noinput", "--keepdb", "notes.tests_as_user.Requests")
    changed = {"ADOPTER_CLERK": "writer", "ADOPTER_MIGRATIONS": "notes.later"}

    passes(OWNER, "manage.py", "test", "--noinput", "--keepdb", "notes.changed", **changed)
    passes(OWNER, "manage.py", "test", "--noinput", "notes.changed", **changed)


def test_a_kept_clone_follows_settings():
    # Django itself migrates no clone that is there already.
    parallel = ["manage.py", "test", "--noinput", "--parallel", "2"]
    both = ["notes.changed.Role", "notes.tests_before.Simple"]
    passes(OWNER, *parallel, "--keepdb", "notes.tests_as_user")

    passes(OWNER, *parallel, "--keepdb", *both, ADOPTER_CLERK="writer")
    passes(OWNER, *parallel, *both, ADOPTER_CLERK="writer")
    assert left_of_tests() == []


@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_pytest_django(credentials):
    report = passes(credentials, "-m", "pytest", "-q")

    assert "68 passed" in report
    assert left_of_tests() == []


def test_xdist():
    report = passes(OWNER, "-m", "pytest", "-q", "-n", "2")

    assert "68 passed" in report
    assert left_of_tests() == []


def test_without_migrations():
    passes(OWNER, "-m", "pytest", "-q", "--nomigrations", "notes/pytests_rows.py")

    assert left_of_tests() == []


def test_roles_of_the_deployed_database_are_not_touched():
    prefix = {"ADOPTER_PREFIX": NAME}
    passes(OWNER, "manage.py", "migrate", "--database", "owner", **prefix)
    before = deployed_roles()

    passes(OWNER, "manage.py", "test", "--noinput", "--parallel", "2", **prefix)
    assert [role for role, *_ in before if f"{NAME}_clerk" in role]
    assert deployed_roles() == before
    assert left_of_tests() == []


def test_a_login_that_may_not_make_roles_is_told_what_to_run():
    ended = run({"ADOPTER_USER": f"{NAME}_web"}, "manage.py", "test", "--noinput")

    assert ended.returncode == 1
    assert f'ALTER ROLE "{NAME}_web" CREATEDB CREATEROLE;' in ended.stderr
    assert "OWNER_DATABASE" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert left_of_tests() == []


def test_what_a_killed_run_left_breaks_no_later_one(tmp_path):
    kill_asleep(tmp_path, "--parallel", "2")
    left = left_of_tests()

    # Without the clones, roles that these still name have to stay.
    passes(OWNER, "manage.py", "test", "--noinput", "notes.tests_as_user")
    passes(OWNER, "manage.py", "test", "--noinput", "--parallel", "2", "notes.tests_as_user")
    assert (f"test_{NAME}_1",) in left
    assert left_of_tests() == []


def kill_asleep(folder, *options):
    """Kill a run once each of its two tests has made roles and committed them."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "test", "--noinput", *options, "notes.asleep"],
        cwd=FOLDER, env=environment(OWNER, ADOPTER_ASLEEP=str(folder)),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: len(list(folder.iterdir())) == 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not rows("SELECT FROM pg_stat_activity WHERE datname ~ %s", f"^test_{NAME}"))


def wait_until(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
