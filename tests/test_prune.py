"""sync_pg_roles --prune drops roles that stand for nothing, and none that is still needed."""

import pytest
from django.contrib.auth.models import Group

from tests import deployments, kept, people
from tests.deployments import sync_pg_roles


@pytest.fixture(autouse=True)
def idle(deployment):
    """The roles of a group that is gone, and of the combination of it and another."""
    kept.empty()
    gone = people.group("Gone", "office.view_ticket")
    stays = people.group("Stays", "office.view_ticket")
    people.user("both", groups=[gone, stays])
    sync_pg_roles()
    Group.objects.using("owner").filter(name="Gone").delete()
    yield
    deployment.rows("DROP TABLE IF EXISTS kept")
    deployment.rows("DROP POLICY IF EXISTS kept ON office_tenant")
    sync_pg_roles(prune=True)


def test_roles_that_stand_for_nothing_are_dropped(deployment):
    said = sync_pg_roles(prune=True)

    assert said.status == 0
    assert f"drop role {deployment.role('gone')} (group)" in said.out
    assert f"drop role {deployment.role('gone_stays')} (session)" in said.out
    assert not {"gone", "gone_stays"} & deployment.roles()
    assert "stays" in deployment.roles()
    assert sync_pg_roles(prune=True).out == "Nothing to do.\n"


def test_without_prune_they_stay_with_nothing(deployment):
    assert sync_pg_roles().status == 0

    assert {"gone", "gone_stays"} <= deployment.roles()
    assert sync_pg_roles(check=True).status == 0


def test_check_with_prune_finds_them_after_a_sync(deployment):
    sync_pg_roles()
    said = sync_pg_roles(prune=True, check=True)

    assert (said.status, said.err.splitlines()[-1]) == (1, "Pending: 2 changes. Run sync_pg_roles.")
    assert "gone" in deployment.roles()


def test_a_role_that_owns_something_stays_and_is_said(deployment):
    deployment.rows("CREATE TABLE kept ()")
    deployment.rows(f"ALTER TABLE kept OWNER TO {deployment.role('gone')}")
    said = sync_pg_roles(prune=True)

    assert said.status == 1
    assert f"The role '{deployment.role('gone')}' stands for nothing, but table kept" in said.err
    assert f'DROP OWNED BY "{deployment.role("gone")}";' in said.err
    assert "Could not be made: 1 change; see the warnings." in said.err
    assert "gone" in deployment.roles()
    assert "gone_stays" not in deployment.roles()


def test_a_role_that_a_policy_of_a_hand_names_stays(deployment):
    deployment.rows(
        "CREATE POLICY kept ON office_tenant AS RESTRICTIVE"
        f" TO {deployment.role('gone')} USING (false)"
    )
    said = sync_pg_roles(prune=True)

    assert said.status == 1
    assert "policy kept on table office_tenant still needs it" in said.err
    assert "gone" in deployment.roles()


def test_a_role_that_another_database_needs_stays_and_the_database_is_said(deployment):
    with deployments.empty() as other:
        other.rows("CREATE TABLE theirs ()")
        other.rows(f"GRANT SELECT ON theirs TO {deployment.role('gone')}")
        with deployments.at(deployment.name):
            said = sync_pg_roles(prune=True)

        assert said.status == 1
        assert f"something in the database '{other.name}' still needs it" in said.err
        assert "gone" in deployment.roles()


def test_privileges_that_a_sync_takes_back_anyway_keep_no_role(deployment):
    deployment.rows(f"GRANT SELECT ON office_ticket TO {deployment.role('gone')}")
    deployment.rows(f"GRANT USAGE ON SCHEMA public TO {deployment.role('gone')}")

    assert sync_pg_roles(prune=True).status == 0
    assert "gone" not in deployment.roles()


def test_a_role_that_is_not_ours_is_never_dropped(deployment):
    deployment.rows(f"CREATE ROLE {deployment.role('theirs')}")
    said = sync_pg_roles(prune=True)

    assert "theirs" not in said.out
    assert "theirs" in deployment.roles()


def test_what_first_use_made_after_the_plan_is_not_dropped(deployment):
    """A combination that comes back before the drop has its role."""
    sync_pg_roles()
    group = people.group("Gone again", "office.view_ticket")
    people.user("again", groups=[group, Group.objects.using("owner").get(name="Stays")])

    assert sync_pg_roles(prune=True).status == 0
    assert {"gone_again", "gone_again_stays"} <= deployment.roles()
