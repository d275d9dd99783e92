"""More roles than a login can bear are refused, with what to do instead."""

import pytest
from django.db import connection

from rls_perms import as_user
from rls_perms.exceptions import PlanError, UnknownRole
from rls_perms.grants import Membership
from rls_perms.limits import MOST, check_limits
from tests import people
from tests.deployments import sync_pg_roles


def memberships(number, member="web"):
    return {Membership(f"role {one}", member, False, True) for one in range(number)}


def test_up_to_many_roles_nothing_is_said():
    assert list(check_limits(memberships(300), ["web"], 300)) == []


def test_above_that_there_is_a_warning_with_the_numbers():
    (warning,) = check_limits(memberships(301), ["web"], 300)

    assert "The login 'web' is a member of 301 roles. Above 300" in warning
    assert "Give permissions to groups rather than to users" in warning


def test_above_the_most_the_plan_is_refused():
    with pytest.raises(PlanError, match=r"'web' would have to be a member of 1,001 roles"):
        list(check_limits(memberships(1001), ["web"], 300))


def test_each_login_is_counted_by_itself():
    both = memberships(600) | memberships(600, "api")

    assert len(list(check_limits(both, ["web", "api"], 300))) == 2


def test_members_that_are_no_logins_do_not_count():
    assert list(check_limits(memberships(5000, "acme_manager"), ["web"], 300)) == []


@pytest.fixture
def crowd(deployment):
    """Ten groups, and a user for each of their 1,024 combinations."""
    for number in range(10):
        people.group(f"G{number}")
    deployment.as_boss(
        "INSERT INTO office_user (username, password, is_superuser, first_name, last_name, email,"
        " is_staff, is_active, date_joined)"
        " SELECT n, '', false, '', '', 'crowd', false, true, now()"
        " FROM generate_series(0, 1023) AS n"
    )
    deployment.as_boss(
        "INSERT INTO office_user_groups (user_id, group_id)"
        " SELECT u.id, g.id FROM auth_group g,"
        " (SELECT id, username FROM office_user WHERE email = 'crowd' OFFSET 0) AS u"
        " WHERE (u.username::integer >> substr(g.name, 2)::integer) % 2 = 1"
    )
    yield
    deployment.as_boss("TRUNCATE office_user, auth_group CASCADE")
    sync_pg_roles(prune=True)


def test_a_sync_with_too_many_combinations_changes_nothing(deployment, crowd):
    before = deployment.snapshot()
    said = sync_pg_roles()

    assert said.status == 1
    assert f"{MOST:,} is the most" in said.err
    assert "Give permissions to groups rather than to users" in said.err
    assert deployment.snapshot() == before


def test_a_first_use_beyond_the_most_is_refused_with_the_same_advice(deployment):
    one, other = people.group("One"), people.group("Other")
    sync_pg_roles()
    have = deployment.value(
        "SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole", deployment.web
    )
    deployment.rows(
        f"DO $$ BEGIN FOR n IN 1..{MOST - have} LOOP"
        f" EXECUTE format('CREATE ROLE {deployment.name}_filler%s', n);"
        f" EXECUTE format('GRANT {deployment.name}_filler%s TO {deployment.web}', n);"
        " END LOOP; END $$"
    )
    newcomer = people.user("newcomer", groups=[one, other])
    with as_user(newcomer), connection.cursor() as cursor, pytest.raises(UnknownRole) as caught:
        cursor.execute("SELECT 1")

    assert f"{deployment.web} is a member of {MOST} roles already" in str(caught.value)
    assert "Give permissions to groups rather than to users" in str(caught.value)
    assert "one_other" not in deployment.roles()
