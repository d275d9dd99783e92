"""sync_pg_roles makes the database what settings, groups and permissions say, and no more."""

import pytest
from django.contrib.auth.models import Group
from django.core.management.base import CommandError
from django.db import connection, connections
from django.test import override_settings

from rls_perms import as_user
from rls_perms.exceptions import PermissionDenied
from tests import deployments, kept, people, variants
from tests.deployments import sync_pg_roles, written
from tests.office.models import Ticket
from tests.threads import at_once


@pytest.fixture(scope="module")
def deployment():
    """A migrated database of this module's own: what is done by hand stays in it."""
    with deployments.empty() as made:
        deployments.migrate()
        yield made


@pytest.fixture(autouse=True)
def nobody(deployment):
    """No user and no group, nothing left to do, and no role that stood for anybody."""
    kept.empty()
    sync_pg_roles()
    idle = deployment.rows(
        "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)"
        ' AND shobj_description(oid, \'pg_authid\') ~ \'"kind": "(session|group)", "id"\'',
        f"{deployment.name}_",
    )
    if idle:
        deployment.rows("; ".join(f'DROP ROLE "{name}"' for (name,) in idle))


@pytest.fixture
def clerks():
    """The group of that name, which may view and change tickets, and one clerk."""
    group = people.group("Clerks", "office.view_ticket", "office.change_ticket")
    people.user("clerk", groups=[group])
    sync_pg_roles()
    return group


@pytest.fixture
def by_sync_alone():
    """Nothing follows changes but a sync."""
    with deployments.without_live_triggers():
        yield


#: Something to do.
REVOKED = "REVOKE SELECT ON office_ticket FROM {}"


def privileges(deployment, short, table="office_ticket"):
    """The privileges of a role on all of a table."""
    return {
        name
        for (name,) in deployment.rows(
            "SELECT privilege_type FROM information_schema.role_table_grants"
            " WHERE grantee = %s AND table_name = %s",
            deployment.role(short),
            table,
        )
    }


def members_of(deployment, short):
    return {
        name.removeprefix(f"{deployment.name}_")
        for (name,) in deployment.rows(
            "SELECT m.rolname::text FROM pg_auth_members am"
            " JOIN pg_roles r ON r.oid = am.roleid JOIN pg_roles m ON m.oid = am.member"
            " WHERE r.rolname = %s AND m.rolname <> %s",
            deployment.role(short),
            deployment.boss,
        )
    }


def mark(deployment, short):
    return deployment.value(
        "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s",
        deployment.role(short),
    )


# What it says, and what it sends


def test_a_second_sync_says_that_nothing_is_to_be_done(clerks):
    said = sync_pg_roles()

    assert said.status == 0
    assert said.out == "Nothing to do.\n"


def test_a_second_sync_sends_nothing_but_reads(clerks):
    with written() as statements:
        sync_pg_roles()

    assert statements == []


def test_a_sync_with_something_to_do_sends_more_than_reads(deployment, clerks):
    deployment.as_boss(REVOKED.format(deployment.role("clerk")))
    with written() as statements:
        sync_pg_roles()

    assert len(statements) == 1


def test_plan_shows_what_would_be_done_and_changes_nothing(deployment, clerks):
    deployment.as_boss(REVOKED.format(deployment.role("clerk")))
    before = deployment.snapshot()
    said = sync_pg_roles(plan=True)

    assert said.status == 0
    assert f"grant SELECT on table public.office_ticket to {deployment.role('clerk')}" in said.out
    assert deployment.snapshot() == before


def test_check_changes_nothing(deployment, clerks):
    deployment.as_boss(REVOKED.format(deployment.role("clerk")))
    before = deployment.snapshot()
    said = sync_pg_roles(check=True)

    assert (said.status, deployment.snapshot()) == (1, before)
    assert "Pending: 1 change. Run sync_pg_roles." in said.err


def test_check_exits_with_1_from_a_shell(deployment, clerks):
    clean = deployment.manage("sync_pg_roles", "--check")
    deployment.as_boss(REVOKED.format(deployment.role("clerk")))
    pending = deployment.manage("sync_pg_roles", "--check")

    assert (clean.returncode, pending.returncode) == (0, 1)
    assert "Traceback" not in pending.stderr


def test_a_listed_group_that_does_not_exist_is_a_warning_with_its_name():
    said = sync_pg_roles()

    assert said.status == 0
    assert "lists the group 'Clerks', which does not exist" in said.err
    assert "lists the group 'Managers', which does not exist" in said.err


def test_a_listed_group_that_exists_is_no_warning(clerks):
    assert "'Clerks'" not in sync_pg_roles().err


# What a hand did is found, and mended


BY_HAND = {
    "a GRANT": "GRANT DELETE ON office_ticket TO {clerk}",
    "a GRANT that is wanted on columns": "GRANT SELECT ON office_project TO {clerk}",
    "a GRANT on an open table": "GRANT TRUNCATE ON office_room TO {everyone}",
    "a GRANT on a table of Django's": "GRANT SELECT ON django_session TO {clerk}",
    "a GRANT on a password": "GRANT SELECT (password) ON office_user TO {everyone}",
    "a GRANT on a table of nobody's": "GRANT SELECT ON by_hand.legacy TO {clerk}",
    "a GRANT to the login": "GRANT SELECT ON office_ticket TO {web}",
    "a GRANT on a column to the login": "GRANT SELECT (id) ON office_ticket TO {web}",
    "a GRANT to PUBLIC": "GRANT SELECT ON office_ticket TO PUBLIC",
    "a GRANT on a column to PUBLIC": "GRANT SELECT (title) ON office_ticket TO PUBLIC",
    "a GRANT on a closed schema to PUBLIC": "GRANT USAGE ON SCHEMA rls_perms TO PUBLIC",
    "a GRANT on a function to PUBLIC": (
        "GRANT EXECUTE ON FUNCTION rls_perms.session_role(text, text) TO PUBLIC"
    ),
    "a GRANT on a function to a session": (
        "GRANT EXECUTE ON FUNCTION rls_perms.make_session_role(text, text) TO {everyone}"
    ),
    "a GRANT on the map": "GRANT SELECT ON rls_perms.role_map TO {web}",
    "a GRANT to create": "GRANT CREATE ON SCHEMA rls_perms TO {clerk}",
    "a GRANT on a column": "GRANT UPDATE (id) ON office_task TO {clerk}",
    "a GRANT with GRANT OPTION": "GRANT SELECT ON office_ticket TO {clerk} WITH GRANT OPTION",
    "a REVOKE": "REVOKE UPDATE ON office_ticket FROM {clerk}",
    "a REVOKE of everything": "REVOKE ALL ON office_ticket FROM {clerk}",
    "a REVOKE from the login": "REVOKE INSERT ON django_session FROM {web}",
    "a REVOKE on a function": "REVOKE EXECUTE ON FUNCTION rls_perms.user_id() FROM {everyone}",
    "a REVOKE on the schema": "REVOKE USAGE ON SCHEMA rls_perms FROM {web}",
    "a membership added": "GRANT {manager} TO {clerk}",
    "a membership of somebody else": "GRANT {manager} TO {stranger}",
    "a membership with ADMIN OPTION": "GRANT {clerk} TO {web} WITH ADMIN OPTION",
    "a membership removed": "REVOKE {clerk} FROM {web}",
    "a membership in everyone removed": "REVOKE {everyone} FROM {clerk}",
    "a role that may log in": "ALTER ROLE {clerk} LOGIN",
    "a role that makes roles": "ALTER ROLE {clerk} CREATEROLE",
    "a role that inherits nothing": "ALTER ROLE {clerk} NOINHERIT",
    "an entry of the map removed": "DELETE FROM rls_perms.role_map WHERE role = '{clerk}'",
    "an entry of the map changed": "UPDATE rls_perms.role_map SET role = '{system}'",
    "functions of another digest": "UPDATE rls_perms.installation SET functions = 'old'",
    "a view of another digest": (
        "COMMENT ON VIEW rls_perms.office_document_view_user IS 'something else'"
    ),
}


@pytest.fixture
def hand(deployment, clerks):
    """Run a statement as the owner, with roles of the project in braces."""
    deployment.as_boss("CREATE SCHEMA IF NOT EXISTS by_hand")
    deployment.as_boss("CREATE TABLE IF NOT EXISTS by_hand.legacy (id int)")
    deployment.as_boss(f"CREATE ROLE {deployment.role('stranger')}")
    names = {one: deployment.role(one) for one in (*deployment.roles(), "web", "boss")}
    yield lambda statement: deployment.as_boss(statement.format(**names))
    sync_pg_roles()
    deployment.rows("DROP OWNED BY {0}; DROP ROLE {0}".format(deployment.role("stranger")))


#: One of a kind; the others are alike.
PLAIN = (
    "a GRANT",
    "a GRANT on a password",
    "a GRANT to the login",
    "a GRANT to PUBLIC",
    "a GRANT on a column",
    "a REVOKE",
    "a membership added",
    "a membership with ADMIN OPTION",
    "a role that may log in",
    "an entry of the map changed",
    "functions of another digest",
    "a view of another digest",
)


@pytest.mark.parametrize("statement", variants.cases(BY_HAND, plain=PLAIN))
def test_what_a_hand_did_is_found_and_mended(deployment, hand, statement):
    before = deployment.snapshot()
    hand(statement)
    found = sync_pg_roles(check=True).status
    mended = sync_pg_roles().status
    left = sync_pg_roles(check=True).status

    assert (found, mended, left) == (1, 0, 0)
    assert deployment.snapshot() == before


def test_a_role_that_was_dropped_is_made_again(deployment, hand):
    deployment.rows("DROP OWNED BY {0}; DROP ROLE {0}".format(deployment.role("clerk")))
    found = sync_pg_roles(check=True).status
    sync_pg_roles()

    assert (found, sync_pg_roles(check=True).status) == (1, 0)
    assert privileges(deployment, "clerk") == {"SELECT", "UPDATE"}


def test_a_mark_that_was_changed_is_written_again(deployment, clerks):
    right = mark(deployment, "clerk")
    wrong = right.replace(f'"id": "{clerks.pk}"', '"id": "99"')
    deployment.as_boss(f"COMMENT ON ROLE {deployment.role('clerk')} IS '{wrong}'")
    found = sync_pg_roles(check=True).status
    sync_pg_roles()

    assert wrong != right
    assert (found, mark(deployment, "clerk")) == (1, right)
    assert sync_pg_roles(check=True).status == 0


def test_grants_that_a_role_gave_further_go_with_its_own(deployment, hand):
    hand("GRANT SELECT ON office_ticket TO {manager} WITH GRANT OPTION")
    deployment.rows(
        f"SET ROLE {deployment.role('manager')};"
        f"GRANT SELECT ON office_ticket TO {deployment.role('stranger')}"
    )
    sync_pg_roles()

    assert privileges(deployment, "stranger") == set()
    assert sync_pg_roles(check=True).status == 0


def test_privileges_of_roles_that_are_not_ours_are_left_alone(deployment, hand):
    hand("GRANT SELECT ON office_room, by_hand.legacy TO {stranger}")
    hand("GRANT SELECT ON by_hand.legacy TO {web}")
    checked = sync_pg_roles(check=True).status
    sync_pg_roles()

    assert checked == 0
    assert privileges(deployment, "stranger", "office_room") == {"SELECT"}
    assert privileges(deployment, "web", "legacy") == {"SELECT"}


def test_privileges_on_tables_of_another_owner_are_left_alone(deployment):
    deployment.rows("CREATE TABLE of_an_extension (id int)")
    deployment.rows(f"GRANT SELECT ON of_an_extension TO PUBLIC, {deployment.role('everyone')}")

    assert sync_pg_roles(check=True).status == 0


@pytest.mark.parametrize("clause", ["", " WITH ADMIN OPTION"])
def test_what_only_a_superuser_may_take_back_is_said_with_the_statement(deployment, hand, clause):
    if connections["owner"].pg_version < 160000:
        pytest.skip("before PostgreSQL 16 whoever makes roles may take back any membership")
    stranger, manager = deployment.role("stranger"), deployment.role("manager")
    deployment.rows(f"GRANT {manager} TO {stranger}{clause}")
    said = sync_pg_roles()
    checked = sync_pg_roles(check=True)
    deployment.rows(f"REVOKE {manager} FROM {stranger}")

    assert (said.status, checked.status) == (1, 1)
    assert f'REVOKE "{manager}" FROM "{stranger}" GRANTED BY' in said.err
    assert sync_pg_roles(check=True).status == 0


def test_what_is_for_others_to_take_back_does_not_stop_the_rest(deployment, hand):
    if connections["owner"].pg_version < 160000:
        pytest.skip("before PostgreSQL 16 whoever makes roles may take back any membership")
    deployment.rows(f"GRANT {deployment.role('manager')} TO {deployment.role('stranger')}")
    hand("GRANT DELETE ON office_ticket TO {clerk}")
    sync_pg_roles()
    deployment.rows(f"REVOKE {deployment.role('manager')} FROM {deployment.role('stranger')}")

    assert privileges(deployment, "clerk") == {"SELECT", "UPDATE"}


# Groups, permissions and users


def test_permissions_of_a_group_are_privileges_of_its_role(deployment, clerks):
    assert privileges(deployment, "clerk") == {"SELECT", "UPDATE"}


def test_a_permission_removed_from_a_group_is_revoked(deployment, clerks):
    clerks.permissions.through.objects.using("owner").filter(
        permission=people.permission("office.view_ticket")
    ).delete()
    sync_pg_roles()

    assert privileges(deployment, "clerk") == {"UPDATE"}


def test_rows_can_still_be_found_by_whoever_may_change_them(deployment, clerks):
    clerks.permissions.through.objects.using("owner").filter(
        permission=people.permission("office.view_ticket")
    ).delete()
    sync_pg_roles()

    assert deployment.value(
        "SELECT has_column_privilege(%s, 'office_ticket', 'title', 'SELECT')",
        deployment.role("clerk"),
    )
    assert sync_pg_roles(check=True).status == 0


def test_a_deleted_group_takes_its_privileges_and_members_along(deployment):
    group = people.group("Odd Ones", "office.view_ticket")
    sync_pg_roles()
    had = privileges(deployment, "odd_ones")
    group.delete(using="owner")
    sync_pg_roles()

    assert had == {"SELECT"}
    assert privileges(deployment, "odd_ones") == set()
    assert members_of(deployment, "odd_ones") == set()
    assert "odd_ones" in deployment.roles()


def test_a_new_group_of_a_deleted_ones_name_inherits_nothing(deployment):
    people.group("Odd Ones", "office.view_ticket").delete(using="owner")
    people.group("Odd Ones")
    sync_pg_roles()

    assert privileges(deployment, "odd_ones") == set()


def test_a_renamed_group_renames_its_generated_role(deployment, by_sync_alone):
    group = people.group("Old Ones", "office.view_ticket")
    user = people.user("one", groups=[group])
    sync_pg_roles()
    Group.objects.using("owner").filter(pk=group.pk).update(name="New Ones")
    said = sync_pg_roles()
    with as_user(user), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        current = cursor.fetchone()[0]

    assert f"rename role {deployment.role('old_ones')} to {deployment.role('new_ones')}" in said.out
    assert "old_ones" not in deployment.roles()
    assert privileges(deployment, "new_ones") == {"SELECT"}
    assert current == deployment.role("new_ones")
    assert sync_pg_roles(check=True).status == 0


@pytest.mark.parametrize("name", ["Clerks", "Managers"])
def test_renaming_a_group_that_settings_name_is_an_error_with_the_edit(
    deployment, by_sync_alone, name
):
    group = people.group(name, "office.view_ticket")
    sync_pg_roles()
    Group.objects.using("owner").filter(pk=group.pk).update(name="Somebody")
    before = deployment.snapshot()
    said = sync_pg_roles()
    Group.objects.using("owner").filter(pk=group.pk).update(name=name)

    assert said.status == 1
    assert f"The group {name!r} is now called 'Somebody'" in said.err
    assert "Write 'Somebody' there (RLS_PERMS['GROUP_ROLES'], Group('Somebody'))" in said.err
    assert deployment.snapshot() == before


def test_renaming_a_group_that_only_a_policy_names_is_an_error_with_the_edit(
    deployment, by_sync_alone
):
    group = people.group("Managers")
    sync_pg_roles()
    Group.objects.using("owner").filter(pk=group.pk).update(name="Chiefs")
    given = {"DATABASES": ["default"], "TENANT_MODEL": "office.Tenant", "LIVE_SYNC": False}
    with override_settings(RLS_PERMS=given):
        said = sync_pg_roles()
    Group.objects.using("owner").filter(pk=group.pk).update(name="Managers")

    assert said.status == 1
    assert "The group 'Managers' is now called 'Chiefs'" in said.err


def test_a_group_made_after_its_role_is_adopted(deployment):
    before = mark(deployment, "manager")
    group = people.group("Managers", "office.view_ticket")
    sync_pg_roles()

    assert '"id"' not in before
    assert f'"id": "{group.pk}"' in mark(deployment, "manager")
    assert privileges(deployment, "manager") == {"SELECT"}


@pytest.mark.parametrize(
    "name", ["everyone", "system", "can_x", "Ünïcode", "a" * 150, "clerk", 'a"b; DROP ROLE x']
)
def test_groups_of_any_name_have_a_role_that_works(deployment, by_sync_alone, name):
    group = people.group(name, "office.view_ticket")
    tenant = people.tenant()
    ticket = people.make(Ticket(tenant=tenant, title="one"))
    user = people.user("one", tenant=tenant, groups=[group])
    known = deployment.roles()
    sync_pg_roles()
    [made] = deployment.rows(
        "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') LIKE %s",
        f'%"database": "{deployment.name}"%"id": "{group.pk}"%',
    )

    assert people.seen(user, Ticket, tenant) == {ticket.pk}
    assert made[0].removeprefix(f"{deployment.name}_") not in known - {"a_b_drop_role_x"}
    assert len(made[0].encode()) <= 63


def test_two_long_names_that_postgresql_would_cut_to_one_are_two_roles(deployment):
    one = people.group("a" * 149 + "b", "office.view_ticket")
    other = people.group("a" * 149 + "c")
    tenant = people.tenant()
    people.make(Ticket(tenant=tenant, title="one"))
    holder = people.user("holder", tenant=tenant, groups=[one])
    other = people.user("other", tenant=tenant, groups=[other])
    sync_pg_roles()

    assert len(people.seen(holder, Ticket, tenant)) == 1
    with pytest.raises(PermissionDenied):
        people.seen(other, Ticket, tenant)


def test_two_generated_names_that_clash_are_two_roles():
    one, other = people.group("Odd Ones", "office.view_ticket"), people.group("odd ones")
    tenant = people.tenant()
    people.make(Ticket(tenant=tenant, title="one"))
    holder = people.user("holder", tenant=tenant, groups=[one])
    other = people.user("other", tenant=tenant, groups=[other])
    sync_pg_roles()

    assert len(people.seen(holder, Ticket, tenant)) == 1
    with pytest.raises(PermissionDenied):
        people.seen(other, Ticket, tenant)


def test_a_user_leaving_the_last_combination_leaves_its_role_with_nothing(deployment, clerks):
    user = people.user("both", groups=[clerks, people.group("Managers")])
    sync_pg_roles()
    had = members_of(deployment, "clerk_manager")
    user.groups.through.objects.using("owner").filter(user=user).delete()
    sync_pg_roles()

    assert had == {"web"}
    assert members_of(deployment, "clerk_manager") == set()
    assert "clerk_manager" not in members_of(deployment, "clerk")
    assert "clerk_manager" in deployment.roles()


def test_a_combination_that_comes_back_gets_its_role_again(deployment, clerks):
    user = people.user("both", groups=[clerks, people.group("Managers")])
    sync_pg_roles()
    known = deployment.roles()
    membership = user.groups.through.objects.using("owner")
    membership.filter(user=user, group=clerks).delete()
    sync_pg_roles()
    membership.create(user=user, group=clerks)
    sync_pg_roles()

    assert deployment.roles() == known
    assert members_of(deployment, "clerk_manager") == {"web"}


def test_a_direct_permission_that_is_taken_back_is_revoked(deployment):
    user = people.user("one", permissions=["office.view_ticket"])
    sync_pg_roles()
    had = privileges(deployment, "can_office_view_ticket")
    user.user_permissions.through.objects.using("owner").filter(user=user).delete()
    sync_pg_roles()

    assert had == {"SELECT"}
    assert privileges(deployment, "can_office_view_ticket") == set()
    assert members_of(deployment, "can_office_view_ticket") == set()


@pytest.mark.parametrize("field", [{"is_active": False}, {"is_superuser": True}])
def test_users_with_roles_of_their_own_need_no_session_role(deployment, clerks, field):
    people.user("both", groups=[clerks, people.group("Managers", "office.add_ticket")], **field)
    sync_pg_roles()

    assert members_of(deployment, "clerk_manager") == set()


# The role that first use makes


@pytest.fixture
def newcomer(clerks):
    """A user with a combination that sync has not seen."""
    people.group("Managers")
    sync_pg_roles()
    return people.user("new", groups=[clerks, people.group("Managers")])


def current_role(user):
    with as_user(user), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


def session_roles(deployment):
    return {
        name
        for (name,) in deployment.rows(
            "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') LIKE %s",
            f'%"database": "{deployment.name}", "kind": "session"%',
        )
    }


def test_sync_has_nothing_to_do_about_a_role_that_first_use_made(deployment, newcomer):
    role = current_role(newcomer)

    assert role == deployment.role("clerk_manager")
    assert sync_pg_roles(check=True).out == "Nothing to do.\n"


def test_first_use_takes_up_a_role_that_sync_had_emptied(deployment, newcomer):
    current_role(newcomer)
    membership = newcomer.groups.through.objects.using("owner")
    kept = list(membership.filter(user=newcomer))
    membership.filter(user=newcomer).delete()
    sync_pg_roles()
    known = deployment.roles()
    membership.bulk_create(kept)

    assert current_role(newcomer) == deployment.role("clerk_manager")
    assert deployment.roles() == known
    assert sync_pg_roles(check=True).status == 0


def test_first_use_takes_up_no_role_that_still_belongs_to_something(deployment, newcomer):
    session = current_role(newcomer)
    deployment.as_boss("DELETE FROM rls_perms.role_map WHERE role = %s", session)
    deployment.as_boss(f"GRANT {deployment.role('system')} TO {session}")
    fresh = people.user("newer", groups=list(Group.objects.using("owner")))
    other = current_role(fresh)
    sync_pg_roles()

    assert other != session
    assert session not in members_of(deployment, "system")


def test_a_session_role_of_long_names_is_the_same_for_sync_and_first_use(deployment):
    groups = [people.group(letter * 140) for letter in "abc"]
    sync_pg_roles()
    user = people.user("one", groups=groups)
    role = current_role(user)

    assert len(role.encode()) <= 63
    assert sync_pg_roles(check=True).status == 0


def test_a_session_role_whose_name_is_a_groups_gets_another(deployment, newcomer):
    people.group("Clerk Manager", "office.delete_ticket")
    sync_pg_roles()
    user = people.user("plain", groups=[people.group("Clerks"), people.group("Managers")])
    role = current_role(user)

    assert role != deployment.role("clerk_manager")
    with as_user(user), pytest.raises(PermissionDenied), connection.cursor() as cursor:
        cursor.execute("DELETE FROM office_ticket")
    assert sync_pg_roles(check=True).status == 0


def test_a_group_that_takes_a_session_roles_name_takes_nothing_else_of_it(
    deployment, by_sync_alone, newcomer
):
    taken = current_role(newcomer)
    member = people.user("other", groups=[people.group("Clerk Manager")])
    sync_pg_roles()

    assert current_role(member) == taken
    assert deployment.role("clerk") not in deployment.value(
        "SELECT coalesce(array_agg(roleid::regrole::text), '{}') FROM pg_auth_members"
        " WHERE member = %s::regrole",
        taken,
    )
    assert current_role(newcomer) != taken


# Marks


def test_a_role_of_the_name_space_without_our_mark_is_never_altered(deployment, by_sync_alone):
    name = deployment.role("odd_ones_by_hand")
    deployment.as_boss(f"CREATE ROLE {name} LOGIN; GRANT SELECT ON office_ticket TO {name}")
    people.group("Odd Ones By Hand")
    before = deployment.snapshot()
    said = sync_pg_roles()
    unchanged = deployment.snapshot() == before
    Group.objects.using("owner").all().delete()
    deployment.rows(f"DROP OWNED BY {name}; DROP ROLE {name}")

    assert said.status == 1
    assert f"already has a role {name!r} that rls_perms did not make" in said.err
    assert unchanged


def test_a_role_that_lost_its_mark_is_nobodys_any_more(deployment, clerks):
    name = deployment.role("clerk")
    right = mark(deployment, "clerk")
    deployment.as_boss(f"COMMENT ON ROLE {name} IS NULL")
    said = sync_pg_roles()
    deployment.as_boss(f"COMMENT ON ROLE {name} IS '{right}'")

    assert said.status == 1
    assert f"{name!r} that rls_perms did not make" in said.err


def test_a_database_that_another_ones_prefix_fits_is_refused(deployment):
    with (
        deployments.empty() as other,
        override_settings(
            RLS_PERMS={"ROLE_PREFIX": deployment.name, "TENANT_MODEL": "office.Tenant"}
        ),
    ):
        before = other.snapshot(), deployment.snapshot()
        with pytest.raises(CommandError) as caught:
            deployments.migrate()
        after = other.snapshot(), deployment.snapshot()

    assert f"belongs to the database {deployment.name!r}" in str(caught.value)
    assert "another RLS_PERMS['ROLE_PREFIX']" in str(caught.value)
    assert after == before


# Several at once


def test_six_syncs_at_once_end_well_in_one_state(deployment):
    for number in range(8):
        people.group(f"Group {number}", "office.view_ticket")
    groups = list(Group.objects.using("owner"))
    for number in range(7):
        people.user(f"user {number}", groups=groups[number : number + 2])
    ends = at_once(*[lambda: sync_pg_roles().status] * 6)

    assert ends == [0] * 6
    assert sync_pg_roles(check=True).status == 0


def test_syncs_and_first_uses_at_once_end_well(deployment):
    for number in range(6):
        people.group(f"Team {number}", "office.view_ticket")
    sync_pg_roles()
    groups = list(Group.objects.using("owner"))
    users = [people.user(f"user {one}", groups=groups[one : one + 2]) for one in range(5)]
    uses = [lambda user=user: current_role(user) for user in users]
    ends = at_once(*uses, *[lambda: sync_pg_roles().status] * 3)

    assert ends[5:] == [0] * 3
    assert set(ends[:5]) <= session_roles(deployment)
    assert sync_pg_roles(check=True).status == 0


def test_the_first_use_by_six_at_once_makes_one_role(deployment, newcomer):
    ends = at_once(*[lambda: current_role(newcomer)] * 6)

    assert ends == [deployment.role("clerk_manager")] * 6
    assert sync_pg_roles(check=True).status == 0
