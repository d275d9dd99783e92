"""Each mistake of whoever installs the library ends in one clear message, and changes nothing."""

import json

import pytest
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from django.db.utils import NotSupportedError
from django.test import override_settings
from psycopg import sql

from rls_perms.backends.postgresql.features import DatabaseFeatures
from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError, PlanError, WrongCredentials
from tests import deployments
from tests.databases import administrate
from tests.deployments import migrate, sync_pg_roles

BASIS = {"DATABASES": ["default"], "TENANT_MODEL": "office.Tenant"}


@pytest.fixture
def empty():
    """A database without a table."""
    with deployments.empty() as made:
        yield made


@pytest.fixture(scope="module")
def migrated():
    """A migrated database of this module's own."""
    with deployments.empty() as made:
        migrate()
        yield made


def configured(**more):
    return override_settings(RLS_PERMS=BASIS | more)


def refused(deployment, run=migrate):
    """The message with which *run* ends, after making sure that it changed nothing."""
    before = deployment.snapshot()
    with pytest.raises(CommandError) as caught:
        run()
    assert deployment.snapshot() == before
    return str(caught.value)


def sync():
    """sync_pg_roles, with its message raised."""
    said = sync_pg_roles()
    if said.status:
        raise CommandError(said.err)


# Roles of groups


def test_a_role_name_that_postgresql_would_cut(empty):
    with configured(GROUP_ROLES={"Managers": "m" * 60}):
        message = refused(empty)

    assert "PostgreSQL keeps only 63" in message
    assert "Set a shorter name for 'Managers' in RLS_PERMS['GROUP_ROLES']" in message


def test_a_role_name_that_postgresql_would_cut_after_installation(migrated):
    with configured(GROUP_ROLES={"Managers": "m" * 60}):
        message = refused(migrated, sync)

    assert "Set a shorter name for 'Managers' in RLS_PERMS['GROUP_ROLES']" in message


def test_two_groups_with_one_role():
    clash = {"Managers": "chief", "Bosses": "chief"}
    with configured(GROUP_ROLES=clash), pytest.raises(ConfigurationError) as caught:
        get_settings()

    assert "'Managers' has that role" in str(caught.value)


def test_a_role_of_that_name_that_is_not_ours(empty):
    administrate(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(empty.role("manager"))))
    message = refused(empty)

    assert f"already has a role {empty.role('manager')!r} that rls_perms did not make" in message
    assert "Choose another RLS_PERMS['ROLE_PREFIX'] or another name in" in message


def test_a_fixed_role_of_that_name_that_is_not_ours(empty):
    administrate(sql.SQL("CREATE ROLE {}").format(sql.Identifier(empty.role("everyone"))))

    assert f"{empty.role('everyone')!r} that rls_perms did not make" in refused(empty)


def test_a_prefix_that_was_changed_after_installation(migrated):
    with configured(ROLE_PREFIX="other"):
        messages = [refused(migrated), refused(migrated, sync)]

    for message in messages:
        assert f"installed with the prefix {migrated.name!r}" in message
        assert "RLS_PERMS['ROLE_PREFIX'] is 'other'. Set it back" in message


def test_a_prefix_that_is_only_the_start_of_the_installed_one(migrated):
    with configured(ROLE_PREFIX=migrated.name.rpartition("_")[0]):
        message = refused(migrated, sync)

    assert f"installed with the prefix {migrated.name!r}" in message


def test_the_installed_prefix_may_be_written_into_settings(migrated):
    with configured(ROLE_PREFIX=migrated.name, GROUP_ROLES=settings.RLS_PERMS["GROUP_ROLES"]):
        said = sync_pg_roles(check=True)

    assert said.status == 0


# Credentials


@pytest.fixture
def without_createrole(request):
    """Take CREATEROLE from the owner of a database."""
    changed = []

    def take(deployment):
        changed.append(deployment)
        administrate(sql.SQL("ALTER ROLE {} NOCREATEROLE").format(sql.Identifier(deployment.boss)))

    yield take
    for deployment in changed:
        administrate(sql.SQL("ALTER ROLE {} CREATEROLE").format(sql.Identifier(deployment.boss)))


def test_an_owner_without_createrole_is_told_all_the_sql_to_run(empty, without_createrole):
    without_createrole(empty)
    message = refused(empty)

    assert f"{empty.boss!r} lacks CREATEROLE" in message
    assert f'ALTER ROLE "{empty.boss}" CREATEROLE;' in message
    for short in ("everyone", "anonymous", "superuser", "system", "manager", "clerk"):
        assert f'CREATE ROLE "{empty.role(short)}" NOLOGIN; COMMENT ON ROLE' in message


def test_the_sql_that_an_owner_without_createrole_is_told_is_enough(empty, without_createrole):
    without_createrole(empty)
    empty.rows(told(refused(empty)))
    with pytest.raises(WrongCredentials) as caught:
        migrate()
    empty.rows(told(str(caught.value)))
    migrate()

    assert sync_pg_roles(check=True).status == 0


def told(message):
    """The statements that a message tells."""
    return message.partition("run:\n")[2]


def test_sync_without_createrole_is_told_the_sql_to_run(migrated, without_createrole):
    without_createrole(migrated)
    migrated.as_boss("INSERT INTO auth_group (name) VALUES ('New Ones')")
    message = refused(migrated, sync)
    migrated.as_boss("DELETE FROM auth_group WHERE name = 'New Ones'")

    assert f'CREATE ROLE "{migrated.role("new_ones")}" NOLOGIN' in message
    assert f'GRANT "{migrated.role("new_ones")}" TO "{migrated.web}"' in message


def test_sync_without_createrole_and_without_a_role_to_make_works(migrated, without_createrole):
    without_createrole(migrated)
    migrated.as_boss(f"GRANT DELETE ON office_ticket TO {migrated.role('manager')}")

    assert sync_pg_roles().status == 0
    assert sync_pg_roles(check=True).status == 0


def test_a_role_that_the_owner_may_not_grant_is_told_with_the_statement(migrated):
    if connections["owner"].pg_version < 160000:
        pytest.skip("before PostgreSQL 16 whoever has CREATEROLE may grant any role")
    web, system = migrated.web, migrated.role("system")
    migrated.rows(f"REVOKE {system} FROM {migrated.boss} CASCADE")
    message = refused(migrated, sync)
    migrated.rows(f"GRANT {system} TO {migrated.boss} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    sync()

    assert "permission denied to grant role" in message
    assert f'GRANT "{system}" TO "{web}" WITH INHERIT FALSE, SET TRUE' in message


@pytest.mark.parametrize("run", ["migrate", "sync"])
def test_the_logins_credentials(migrated, run):
    runs = {"migrate": lambda: migrate(database="default"), "sync": lambda: sync_by("default")}
    message = refused(migrated, runs[run])

    assert f"{migrated.web!r} may not change roles and policies" in message
    assert f"its owner is {migrated.boss!r}" in message
    assert "Use the owner's credentials: --database owner" in message


def sync_by(alias):
    said = sync_pg_roles(database=alias)
    if said.status:
        raise CommandError(said.err)


def test_the_logins_credentials_in_an_empty_database(empty):
    message = refused(empty, lambda: migrate(database="default"))

    assert f"{empty.web!r} may not create schemas" in message
    assert "Use the owner's credentials: --database owner" in message
    assert empty.rows("SELECT relname FROM pg_class WHERE relname = 'django_migrations'") == []


def test_sync_before_migrate(empty):
    assert "is not installed" in refused(empty, sync)
    assert "Run migrate with the owner's credentials first" in refused(empty, sync)


def test_the_owner_listed_as_a_login(empty):
    with configured(LOGIN_ROLES=[empty.web, empty.boss]):
        message = refused(empty)

    assert f"{empty.boss!r} is one of RLS_PERMS['LOGIN_ROLES'], which may not own tables" in message


def test_an_alias_that_is_not_under_our_care(migrated):
    message = refused(migrated, lambda: sync_elsewhere("server_side"))

    assert "DATABASES['server_side'] is not under the library's care" in message


def sync_elsewhere(alias):
    with configured(DATABASES=["default"]):
        sync_by(alias)


def test_an_alias_that_does_not_exist(migrated):
    message = refused(migrated, lambda: sync_pg_roles_argument("nowhere"))

    assert "invalid choice: 'nowhere'" in message


def sync_pg_roles_argument(alias):
    from django.core.management import call_command

    call_command("sync_pg_roles", f"--database={alias}")


# Logins


def test_a_login_that_does_not_exist(empty):
    with configured(LOGIN_ROLES=["nobody-at-all"]):
        message = refused(empty)

    assert "The login role 'nobody-at-all' does not exist" in message
    assert 'CREATE ROLE "nobody-at-all" LOGIN NOINHERIT' in message


@pytest.mark.parametrize("attribute", ["SUPERUSER", "BYPASSRLS"])
def test_a_login_that_no_policy_binds(empty, attribute):
    empty.rows(f"ALTER ROLE {empty.web} {attribute}")
    message = refused(empty)

    assert f"The login role {empty.web!r} is a superuser or has BYPASSRLS" in message
    assert f'ALTER ROLE "{empty.web}" NOSUPERUSER NOBYPASSRLS;' in message


@pytest.mark.parametrize("attribute", ["SUPERUSER", "BYPASSRLS"])
def test_a_login_that_no_policy_binds_after_installation(migrated, attribute):
    migrated.rows(f"ALTER ROLE {migrated.web} {attribute}")
    message = refused(migrated, sync)
    migrated.rows(f"ALTER ROLE {migrated.web} NO{attribute}")

    assert "is a superuser or has BYPASSRLS" in message


def test_a_login_that_is_a_member_of_the_owner(empty):
    empty.rows(f"GRANT {empty.boss} TO {empty.web}")
    message = refused(empty)

    assert f"{empty.web!r} is a member of the owner {empty.boss!r}" in message
    assert f'REVOKE "{empty.boss}" FROM "{empty.web}";' in message


def test_a_login_that_is_a_member_of_the_owner_by_another_role(empty):
    between = empty.role("between")
    empty.rows(f"CREATE ROLE {between}; GRANT {empty.boss} TO {between}")
    empty.rows(f"GRANT {between} TO {empty.web}")

    assert f"is a member of the owner {empty.boss!r}" in refused(empty)


def test_a_login_that_inherits_before_postgresql_16(empty):
    empty.rows(f"ALTER ROLE {empty.web} INHERIT")
    if connections["owner"].pg_version >= 160000:
        migrate()

        query = "SELECT pg_has_role(%s, %s, 'USAGE')"
        assert empty.value(query, empty.web, empty.role("clerk")) is False
    else:
        message = refused(empty)

        assert f"{empty.web!r} would inherit every role that it may become" in message
        assert f'ALTER ROLE "{empty.web}" NOINHERIT;' in message


def test_a_login_that_makes_roles_before_postgresql_16(empty):
    empty.rows(f"ALTER ROLE {empty.web} CREATEROLE")
    if connections["owner"].pg_version >= 160000:
        migrate()

        assert sync_pg_roles(check=True).status == 0
    else:
        message = refused(empty)

        assert f"{empty.web!r} has CREATEROLE" in message
        assert f'ALTER ROLE "{empty.web}" NOCREATEROLE;' in message


# Servers and engines


def test_a_server_before_postgresql_15_is_refused(migrated, monkeypatch):
    version = connections["owner"].pg_version // 10000
    monkeypatch.setattr(DatabaseFeatures, "minimum_database_version", (version + 1,))

    with pytest.raises(NotSupportedError, match=f"PostgreSQL {version + 1} or later is required"):
        connections["owner"].check_database_version_supported()


def test_the_oldest_server_is_postgresql_15():
    assert DatabaseFeatures.minimum_database_version == (15,)


@pytest.mark.parametrize("engine", ["django.db.backends.sqlite3", "django.db.backends.postgresql"])
@pytest.mark.parametrize("alias", ["default", "owner"])
def test_another_engine_stops_migrate(empty, engine, alias):
    before = empty.snapshot()
    ended = empty.manage(
        "migrate",
        "--database=owner",
        DJANGO_SETTINGS_MODULE="tests.elsewhere",
        RLS_PERMS_TEST_ENGINES=json.dumps({alias: engine}),
    )

    assert ended.returncode == 1
    assert "rls_perms.E001" in ended.stderr
    assert f"DATABASES[{alias!r}] uses the engine {engine!r}" in ended.stderr
    assert empty.snapshot() == before


@pytest.mark.parametrize(
    "arguments",
    [("migrate", "--database=default"), ("sync_pg_roles", "--database=default")],
    ids=["migrate", "sync"],
)
def test_a_message_on_the_terminal_is_no_traceback(migrated, arguments):
    ended = migrated.manage(*arguments)

    assert ended.returncode == 1
    assert "Use the owner's credentials" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_errors_of_a_plan_are_errors_of_a_command():
    assert issubclass(PlanError, CommandError)
    assert issubclass(WrongCredentials, CommandError)
