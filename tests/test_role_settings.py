"""Parameters that GROUP_ROLES gives a role: set with it, and gone with it (PARITY A32)."""

import pytest
from django.db import DataError, OperationalError, connection, connections, transaction
from django.test import override_settings

from rls_perms import as_role, as_system, as_user
from rls_perms.exceptions import PermissionDenied
from tests import deployments, kept, people
from tests.deployments import sync_pg_roles
from tests.wire import round_trips

CLERKS = {"statement_timeout": "5s", "app.desk": "it's ours", "search_path": "public, pg_catalog"}
MANAGERS = {"statement_timeout": "1min"}


def given(clerks=CLERKS, managers=MANAGERS, **more):
    roles = {
        "Clerks": {"role": "clerk", "settings": clerks},
        "Managers": {"role": "manager", "settings": managers},
    }
    return override_settings(
        RLS_PERMS={
            "DATABASES": ["default", "server_side", "pooled"],
            "GROUP_ROLES": roles,
            "TENANT_MODEL": "office.Tenant",
            **more,
        }
    )


@pytest.fixture(scope="module")
def deployment():
    with deployments.empty() as made, given():
        deployments.migrate()
        yield made


@pytest.fixture(autouse=True)
def synced(deployment):
    kept.empty()
    connections.close_all()
    with given():
        people.group("Clerks", "office.view_ticket")
        people.group("Managers", "office.view_ticket")
        sync_pg_roles(prune=True)
        yield
    connections.close_all()


@pytest.fixture
def clerk():
    return people.user("clerk", groups=[people.group("Clerks")])


@pytest.fixture
def both():
    return people.user("both", groups=[people.group("Clerks"), people.group("Managers")])


def shown(name, alias="default"):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true)", [name])
        return cursor.fetchone()[0]


def undone():
    """A savepoint in which something was asked, rolled back."""
    with transaction.atomic():
        shown("statement_timeout")
        transaction.set_rollback(True)


def test_each_statement_of_a_context_has_the_parameters_of_its_role(clerk):
    before = shown("statement_timeout")
    with as_user(clerk):
        inside = [shown("statement_timeout") for _ in range(3)]

    assert inside == ["5s"] * 3
    assert shown("statement_timeout") == before == "0"


@pytest.mark.parametrize("alias", ["default", "server_side", "pooled"])
def test_they_hold_on_each_kind_of_connection(clerk, alias):
    with as_user(clerk):
        assert [shown("statement_timeout", alias), shown("app.desk", alias)] == ["5s", "it's ours"]
    assert shown("statement_timeout", alias) == "0"


def test_a_list_stays_a_list(clerk):
    with as_user(clerk):
        first = shown("search_path")
        later = shown("search_path")

    assert first == later == "public, pg_catalog"


def test_they_hold_in_a_transaction_and_leave_it_with_the_context(clerk):
    with transaction.atomic():
        with as_user(clerk):
            inside = shown("statement_timeout"), shown("app.desk")
        after = shown("statement_timeout"), shown("app.desk")

    assert inside == ("5s", "it's ours")
    assert after == ("0", "")


def test_a_context_within_another_has_its_own_and_gives_back_the_outer_ones(clerk):
    manager = people.user("manager", groups=[people.group("Managers")])
    with transaction.atomic(), as_user(clerk):
        before = shown("statement_timeout"), shown("app.desk")
        with as_user(manager):
            inside = shown("statement_timeout"), shown("app.desk")
        after = shown("statement_timeout"), shown("app.desk")

    assert before == after == ("5s", "it's ours")
    assert inside == ("1min", "")


def test_a_rollback_to_a_savepoint_keeps_them(clerk):
    with transaction.atomic(), as_user(clerk):
        undone()

        assert shown("statement_timeout") == "5s"


def test_a_rollback_brings_none_of_them_back(clerk):
    with transaction.atomic():
        with as_user(clerk):
            shown("statement_timeout")
        with as_user(clerk):
            undone()

        assert shown("statement_timeout") == "0"


def test_after_a_statement_that_sets_anything_they_are_gone_with_the_context(clerk):
    with transaction.atomic():
        with as_user(clerk), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.other', 'x', true)")
        assert shown("statement_timeout") == "0"


def test_of_two_groups_the_one_that_settings_name_last_holds(both):
    with as_user(both):
        assert shown("statement_timeout") == "1min"
        assert shown("app.desk") == "it's ours"


def test_the_first_use_of_a_combination_has_them_too(deployment, both):
    assert "clerk_manager" not in deployment.roles()
    with as_user(both):
        assert shown("statement_timeout") == "1min"
    assert "clerk_manager" in deployment.roles()


def test_as_role_has_them_too():
    with as_role("clerk"):
        assert shown("statement_timeout") == "5s"
    with as_role("everyone"):
        assert shown("statement_timeout") == "0"


def test_a_user_without_such_a_group_has_none():
    with as_user(people.user("nobody")):
        assert shown("statement_timeout") == "0"


def test_a_timeout_stops_the_first_statement_of_a_context():
    with given(clerks={"statement_timeout": "50ms"}):
        sync_pg_roles()
        slow = people.user("slow", groups=[people.group("Clerks")])
        with (
            as_user(slow),
            connection.cursor() as cursor,
            pytest.raises(OperationalError, match="statement timeout"),
        ):
            cursor.execute("SELECT pg_sleep(5)")


def test_after_the_context_the_timeout_stops_nothing():
    with given(clerks={"statement_timeout": "100ms"}):
        sync_pg_roles()
        slow = people.user("slow", groups=[people.group("Clerks")])
        with transaction.atomic(), connection.cursor() as cursor:
            with as_user(slow):
                cursor.execute("SELECT 1")
            cursor.execute("SELECT pg_sleep(0.3)")
            cursor.execute("SELECT 1")

            assert cursor.fetchone() == (1,)


def test_they_cost_no_message(clerk):
    with as_user(clerk), round_trips() as wire:
        shown("statement_timeout")
        shown("statement_timeout")

    assert wire.count == 2


def test_without_parameters_nothing_asks_for_them(clerk):
    with given(clerks={}, managers={}):
        connections.close_all()
        sync_pg_roles()
        with as_user(clerk), round_trips() as wire:
            assert shown("statement_timeout") == "0"

    assert "session_role" in wire.messages
    assert "role_settings" not in wire.messages


# What sync does


def test_a_changed_parameter_is_a_change_of_the_plan_and_then_holds(deployment, clerk):
    with given(clerks={"statement_timeout": "7s"}):
        planned = sync_pg_roles(plan=True).out
        sync_pg_roles()
        with as_user(clerk):
            assert shown("statement_timeout") == "7s"

    role = deployment.role("clerk")
    assert f"reset statement_timeout for {role}\n" in planned
    assert f"set statement_timeout to '7s' for {role}\n" in planned
    assert f"reset app.desk for {role}\n" in planned


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"statement_timeout": "soon"}, 'invalid value for parameter "statement_timeout"'),
        ({"no_such_thing": "1"}, 'unrecognized configuration parameter "no_such_thing"'),
        ({"shared_buffers": "1GB"}, 'parameter "shared_buffers" cannot be changed'),
    ],
)
@pytest.mark.parametrize("look", [True, False])
def test_what_postgresql_does_not_take_is_refused_and_nothing_changed(
    deployment, parameters, said, look
):
    before = deployment.snapshot(), deployment.rows("TABLE rls_perms.role_setting")
    with given(clerks=parameters):
        done = sync_pg_roles(plan=look)

    assert done.status == 1
    assert said in done.err
    assert "RLS_PERMS['GROUP_ROLES'] has" in done.err
    assert (deployment.snapshot(), deployment.rows("TABLE rls_perms.role_setting")) == before


def test_what_only_a_superuser_may_set_is_refused_with_the_grant_that_would_allow_it(deployment):
    if connection.pg_version < 150000:
        pytest.skip("GRANT SET ON PARAMETER came with PostgreSQL 15")
    with given(clerks={"log_min_messages": "error"}):
        refused = sync_pg_roles()
        deployment.rows(f"GRANT SET ON PARAMETER log_min_messages TO {deployment.boss}")
        for_the_login = sync_pg_roles()
        deployment.rows(f'GRANT SET ON PARAMETER "log_min_messages" TO "{deployment.web}"')
        allowed = sync_pg_roles()
        clerk = people.user("clerk", groups=[people.group("Clerks")])
        with as_user(clerk):
            inside = [shown("log_min_messages") for _ in range(2)]
    for role in (deployment.boss, deployment.web):
        deployment.rows(f"REVOKE SET ON PARAMETER log_min_messages FROM {role}")

    assert 'permission denied to set parameter "log_min_messages"' in refused.err
    grant = f'GRANT SET ON PARAMETER "log_min_messages" TO "{deployment.web}"'
    assert f"Run: {grant};" in for_the_login.err
    assert allowed.status == 0
    assert inside == ["error", "error"]


def test_a_login_cannot_read_or_write_the_table(deployment, clerk):
    for asking in (as_user(clerk), as_system(reason="try")):
        with asking, connection.cursor() as cursor, pytest.raises(PermissionDenied):
            cursor.execute("UPDATE rls_perms.role_setting SET value = '1d'")
    assert deployment.value("SELECT count(*) FROM rls_perms.role_setting WHERE value = '1d'") == 0


def test_a_value_that_went_bad_fails_the_request_rather_than_going_on_without_it(deployment, clerk):
    deployment.as_boss("UPDATE rls_perms.role_setting SET value = 'soon' WHERE value = '5s'")
    with as_user(clerk), connection.cursor() as cursor, pytest.raises(DataError):
        cursor.execute("SELECT 1")
