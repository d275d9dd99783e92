"""Changes of groups and permissions count at once, whatever way they come, and are undone."""

import json
import random
import unicodedata
from contextlib import contextmanager

import psycopg
import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models import Q
from django.test import Client

from rls_perms import EVERYONE, SELECT, Policy, RowSecurity, as_user
from rls_perms import Permission as Holders
from rls_perms.exceptions import NamedGroup, PermissionDenied
from rls_perms.roles import generated_name, other_name
from tests import deployments, kept, people, variants
from tests.deployments import PASSWORD, sync_pg_roles
from tests.office.models import Case, Ticket, User

TICKETS = "SELECT count(*) FROM office_ticket"
CLEAN = "Nothing to do.\n"


@pytest.fixture(autouse=True)
def clean(deployment):
    """Nobody at first; after whatever the test does a sync has nothing to do."""
    kept.empty()
    sync_pg_roles(prune=True)
    yield
    assert sync_pg_roles(check=True).out == CLEAN


@pytest.fixture
def acme():
    made = people.tenant()
    people.make(Ticket(tenant=made, title="one"))
    return made


@pytest.fixture
def readers(acme):
    """A group that may view tickets, made by its triggers alone."""
    return people.group("Readers", "office.view_ticket")


@pytest.fixture
def reader(acme, readers):
    return people.user("reader", tenant=acme, groups=[readers])


@contextmanager
def becoming(deployment, short):
    """A connection of the login's own, which has become a role."""
    with psycopg.connect(
        dbname=deployment.name, user=deployment.web, password=PASSWORD, autocommit=True
    ) as other:
        other.execute(f"SET ROLE {deployment.role(short)}")
        yield other


def holds(deployment, short, privilege="SELECT", table="office_ticket"):
    return deployment.value(
        "SELECT has_table_privilege(%s, %s, %s)", deployment.role(short), table, privilege
    )


def belongs(deployment, member, role):
    return deployment.value(
        "SELECT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = %s::regrole"
        " AND m.roleid = %s::regrole)",
        deployment.role(member),
        deployment.role(role),
    )


def mapped(deployment):
    """What is written down of groups and combinations with them: key -> short name."""
    return {
        key: role.removeprefix(f"{deployment.name}_")
        for key, role in deployment.rows("SELECT key, role FROM rls_perms.role_map WHERE key ~ 'g'")
    }


def current_role(user):
    with as_user(user), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


# The ways by which a change comes


def by_orm(alias):
    def change(group, name, *, give):
        with_permission = Group.objects.using(alias).get(pk=group.pk).permissions
        one = Permission.objects.using(alias).get(codename=name, content_type__app_label="office")
        (with_permission.add if give else with_permission.remove)(one)

    return change


def by_sql(alias):
    def change(group, name, *, give):
        statement = (
            "INSERT INTO auth_group_permissions (group_id, permission_id) SELECT %s, id"
            " FROM auth_permission WHERE codename = %s"
            if give
            else "DELETE FROM auth_group_permissions WHERE group_id = %s AND permission_id"
            " IN (SELECT id FROM auth_permission WHERE codename = %s)"
        )
        with connections[alias].cursor() as cursor:
            cursor.execute(statement, [group.pk, name])

    return change


def posted(name, permissions):
    client = Client()
    admin, _ = User.objects.using("owner").get_or_create(
        username="admin", is_staff=True, is_superuser=True
    )
    admin._state.db = "default"
    client.force_login(admin)
    group = Group.objects.using("owner").get(name="Readers")
    return client.post(
        f"/admin/auth/group/{group.pk}/change/", {"name": name, "permissions": permissions}
    )


def by_admin(group, name, *, give):
    held = set(group.permissions.using("owner").values_list("pk", flat=True))
    one = people.permission(f"office.{name}").pk
    answer = posted("Readers", sorted(held | {one} if give else held - {one}))
    assert answer.status_code == 302, answer.content


def by_fixture(tmp_path):
    def change(group, name, *, give):
        held = set(group.permissions.using("owner").values_list("pk", flat=True))
        one = people.permission(f"office.{name}").pk
        fields = {
            "name": group.name,
            "permissions": sorted(held | {one} if give else held - {one}),
        }
        file = tmp_path / "groups.json"
        file.write_text(json.dumps([{"model": "auth.group", "pk": group.pk, "fields": fields}]))
        call_command("loaddata", str(file), database="owner", verbosity=0)

    return change


WAYS = {
    "the ORM of the login": by_orm("default"),
    "SQL of the login": by_sql("default"),
    "the admin": by_admin,
    "the ORM of the owner": by_orm("owner"),
    "SQL of the owner": by_sql("owner"),
    "loaddata": by_fixture,
}


@pytest.fixture(
    params=variants.cases(
        {name: name for name in WAYS},
        plain=("the ORM of the login", "SQL of the owner", "loaddata"),
    )
)
def way(request, tmp_path):
    found = WAYS[request.param]
    return found(tmp_path) if found is by_fixture else found


def test_a_permission_taken_from_a_group_is_refused_to_the_next_statement_of_others(
    deployment, readers, way
):
    with becoming(deployment, "readers") as other:
        before = other.execute(TICKETS).fetchone()
        way(readers, "view_ticket", give=False)

        assert before == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute(TICKETS)


def test_a_permission_given_to_a_group_counts_for_the_next_statement_of_others(
    deployment, readers, way
):
    with becoming(deployment, "readers") as other:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute("DELETE FROM office_ticket")
        way(readers, "delete_ticket", give=True)

        assert other.execute("DELETE FROM office_ticket").rowcount == 0


def test_a_request_after_a_revocation_is_refused_and_before_it_is_answered(reader, acme, readers):
    before = people.seen(reader, Ticket, acme)
    by_admin(readers, "view_ticket", give=False)

    assert len(before) == 1
    with pytest.raises(PermissionDenied):
        people.seen(reader, Ticket, acme)


def test_a_change_counts_within_its_transaction_and_its_rollback_undoes_it(
    deployment, readers, acme
):
    other = people.user("other", tenant=acme)
    with transaction.atomic():
        made = Group.objects.create(name="Passing")
        made.permissions.add(people.permission("office.view_ticket"))
        other.groups.add(made)
        with as_user(other, tenant=acme):
            assert Ticket.objects.count() == 1
        transaction.set_rollback(True)

    assert "passing" not in deployment.roles()
    with pytest.raises(PermissionDenied):
        people.seen(other, Ticket, acme)


def test_a_rollback_to_a_savepoint_undoes_a_change(deployment, readers, reader, acme):
    with transaction.atomic():
        with transaction.atomic():
            Group.objects.get(pk=readers.pk).permissions.clear()
            Group.objects.filter(pk=readers.pk).update(name="Others")
            Group.objects.create(name="Passing")
            transaction.set_rollback(True)
        with as_user(reader, tenant=acme):
            assert Ticket.objects.count() == 1

    assert "passing" not in deployment.roles()
    assert len(people.seen(reader, Ticket, acme)) == 1


# Groups


def test_a_group_that_is_made_has_its_role_at_once(deployment, acme):
    made = Group.objects.create(name="New Ones")
    member = people.user("member", groups=[made])

    assert belongs(deployment, "new_ones", "everyone")
    assert belongs(deployment, "web", "new_ones")
    assert mapped(deployment) == {f"g{made.pk}": "new_ones"}
    assert current_role(member) == deployment.role("new_ones")


def test_the_login_inherits_nothing_of_a_group_that_is_made(deployment, readers):
    assert holds(deployment, "readers")
    assert not deployment.value(
        "SELECT has_table_privilege('office_ticket', 'SELECT')", user=deployment.web
    )


def test_a_group_that_settings_name_is_adopted_when_it_is_made(deployment):
    made = people.group("Clerks", "office.change_ticket")

    assert mapped(deployment)[f"g{made.pk}"] == "clerk"
    assert holds(deployment, "clerk", "UPDATE")


def test_a_group_that_is_renamed_renames_its_role(deployment, readers, reader, acme):
    Group.objects.filter(pk=readers.pk).update(name="Viewers")

    assert mapped(deployment)[f"g{readers.pk}"] == "viewers"
    assert "readers" not in deployment.roles()
    assert current_role(reader) == deployment.role("viewers")
    assert len(people.seen(reader, Ticket, acme)) == 1


def test_a_context_goes_on_when_its_group_is_renamed_in_between(deployment, readers, reader, acme):
    with as_user(reader, tenant=acme):
        before = Ticket.objects.count()
        deployment.as_boss("UPDATE auth_group SET name = 'Viewers' WHERE name = 'Readers'")
        alone = Ticket.objects.count()
        deployment.as_boss("UPDATE auth_group SET name = 'Lookers' WHERE name = 'Viewers'")
        with transaction.atomic():
            within = Ticket.objects.count()

    assert (before, alone, within) == (1, 1, 1)


def test_a_context_whose_group_is_deleted_in_between_is_refused_what_it_gave(
    deployment, readers, reader, acme
):
    with as_user(reader, tenant=acme):
        Ticket.objects.count()
        deployment.as_boss("DELETE FROM office_user_groups")
        deployment.as_boss("DELETE FROM auth_group_permissions")
        deployment.as_boss("DELETE FROM auth_group")
        with pytest.raises(PermissionDenied, match="permission denied for table office_ticket"):
            Ticket.objects.count()


def test_whoever_renames_a_group_of_their_own_goes_on_as_its_role(deployment, readers, acme):
    chief = people.user("chief", tenant=acme, groups=[readers])
    with as_user(chief, tenant=acme), transaction.atomic():
        before = Ticket.objects.count()
        Group.objects.filter(name="Readers").update(name="Viewers")
        within = Ticket.objects.count()
        transaction.set_rollback(True)
    with as_user(chief, tenant=acme):
        undone = Ticket.objects.count()
        Group.objects.filter(name="Readers").update(name="Viewers")
        after = Ticket.objects.count()

    assert (before, within, undone, after) == (1, 1, 1, 1)


def test_whoever_leaves_a_group_loses_its_rights_in_the_same_transaction(readers, acme):
    chief = people.user("chief", tenant=acme, groups=[readers])
    with as_user(chief, tenant=acme):
        with transaction.atomic():
            before = Ticket.objects.count()
            chief.groups.clear()
            with pytest.raises(PermissionDenied), transaction.atomic():
                Ticket.objects.count()
            transaction.set_rollback(True)
        undone = Ticket.objects.count()

    assert (before, undone) == (1, 1)


@pytest.mark.parametrize("name", ["Clerks", "Managers"])
@pytest.mark.parametrize("alias", ["default", "owner"])
def test_a_group_that_settings_name_cannot_be_renamed(deployment, name, alias):
    group = people.group(name, "office.view_ticket")
    before = deployment.snapshot()
    with pytest.raises(NamedGroup) as caught:
        Group.objects.using(alias).filter(pk=group.pk).update(name="Somebody")

    assert f"the group '{name}' cannot be renamed to 'Somebody'" in str(caught.value)
    assert "Write 'Somebody' there first (RLS_PERMS['GROUP_ROLES']" in str(caught.value)
    assert deployment.snapshot() == before
    assert Group.objects.using("owner").get(pk=group.pk).name == name


def test_a_form_says_that_a_group_cannot_be_renamed(deployment):
    group = people.group("Managers")
    group.name = "Chiefs"
    with pytest.raises(ValidationError) as caught:
        group.full_clean()

    assert "'Managers' cannot be renamed to 'Chiefs'" in caught.value.message_dict["name"][0]


def test_the_admin_shows_why_a_group_cannot_be_renamed(deployment, readers):
    Group.objects.filter(pk=readers.pk).update(name="Clerks")
    Group.objects.using("owner").create(name="Readers")
    client = Client()
    admin = people.user("admin", is_staff=True, is_superuser=True)
    client.force_login(admin)
    answer = client.post(f"/admin/auth/group/{readers.pk}/change/", {"name": "Lookers"})

    assert answer.status_code == 200
    assert "cannot be renamed to &#x27;Lookers&#x27;" in answer.content.decode()
    assert Group.objects.get(pk=readers.pk).name == "Clerks"


def test_a_group_may_take_a_name_that_settings_say(deployment, readers, reader, acme):
    Group.objects.filter(pk=readers.pk).update(name="Clerks")

    assert mapped(deployment)[f"g{readers.pk}"] == "clerk"
    assert not holds(deployment, "readers")
    assert len(people.seen(reader, Ticket, acme)) == 1


def test_a_deleted_group_loses_everything_and_so_do_its_combinations(deployment, readers, acme):
    others = people.group("Others", "office.change_ticket")
    both = people.user("both", tenant=acme, groups=[readers, others])
    combined = current_role(both)
    readers.delete(using="default")

    assert not holds(deployment, "readers")
    assert mapped(deployment) == {f"g{others.pk}": "others"}
    assert combined == deployment.role("others_readers")
    assert not belongs(deployment, "others_readers", "others")
    assert not belongs(deployment, "web", "others_readers")
    assert not belongs(deployment, "web", "readers")
    assert current_role(both) == deployment.role("others")
    sync_pg_roles(prune=True)
    assert not {"readers", "others_readers"} & deployment.roles()


def test_a_deleted_group_that_settings_name_keeps_its_role_without_privileges(deployment):
    people.group("Clerks", "office.view_ticket").delete(using="default")

    assert not holds(deployment, "clerk")
    assert belongs(deployment, "web", "clerk")
    assert mapped(deployment) == {}


def test_a_new_group_of_a_deleted_ones_name_inherits_nothing(deployment, readers, reader, acme):
    readers.delete(using="default")
    again = Group.objects.create(name="Readers")
    reader.groups.add(again)

    assert mapped(deployment)[f"g{again.pk}"] == "readers"
    with pytest.raises(PermissionDenied):
        people.seen(reader, Ticket, acme)


def test_all_groups_at_once_by_truncate(deployment, readers, reader, acme):
    people.group("Clerks", "office.view_ticket")
    deployment.as_boss("TRUNCATE auth_group CASCADE")

    assert mapped(deployment) == {}
    assert not holds(deployment, "readers")
    assert not holds(deployment, "clerk")


def test_many_groups_in_one_statement(deployment):
    deployment.as_boss(
        "INSERT INTO auth_group (name) SELECT 'Team ' || n FROM generate_series(1, 40) n"
    )
    deployment.as_boss(
        "INSERT INTO auth_group_permissions (group_id, permission_id) SELECT g.id, p.id"
        " FROM auth_group g, auth_permission p WHERE p.codename ~ 'view_'"
    )
    deployment.as_boss("UPDATE auth_group SET name = replace(name, 'Team', 'Crew')")

    assert len(mapped(deployment)) == 40
    assert holds(deployment, "crew_40")
    assert "team_40" not in deployment.roles()


# Names


NAMES = [
    "Odd Ones", "odd ones", "Odd  Ones", "ODD-ONES", "a" * 150, "a" * 149 + "b", "everyone", "none",
    "can_x", "tenant_1", "Can It", "", " ", "_", "  x ", "Größe", "Ünïcode", "Ελλάς", "日本", "½",
    "x\u212a", "ﬁre", "İstanbul", "\u017f", "a\tb\n", "a'b\"; DROP ROLE x", "a\\b", "\uff11\uff12",
    "\u1e9b\u0323", "group", "\U0001d504", "\U0001ccd6", "e\u0301", "naïve_café", "system", "\x7f",
    "ab\u00a0c",
]  # fmt: skip


def test_the_database_names_roles_as_python_does(deployment):
    letters = random.Random(5)
    drawn = [
        "".join(
            chr(letters.choice([*range(1, 0x250), *range(0x1E00, 0x2100)])) for _ in range(size)
        )
        for size in range(1, 70)
    ]
    names = [*NAMES, *drawn]
    made = deployment.rows(
        "SELECT name, rls_perms.live_name(name, NULL), rls_perms.live_name(name, '7')"
        " FROM unnest(%s::text[]) AS name",
        names,
    )
    prefix = deployment.name
    wanted = [
        (name, generated_name(prefix, name), other_name(prefix, generated_name(prefix, name), "7"))
        for name in names
    ]

    assert made == wanted
    assert any(unicodedata.normalize("NFKD", name) != name for name in drawn)


def test_groups_of_any_name_have_roles_that_a_sync_agrees_with(deployment, acme):
    for number, name in enumerate(NAMES):
        made = people.group(name, "office.view_ticket")
        member = people.user(f"member {number}", tenant=acme, groups=[made])
        assert len(people.seen(member, Ticket, acme)) == 1, name

    assert len(set(mapped(deployment).values())) == len(NAMES)
    assert sync_pg_roles(plan=True).out == CLEAN


def test_two_groups_whose_names_clash_are_two_roles_and_stay_so(deployment, acme):
    one, other = people.group("Odd Ones", "office.view_ticket"), people.group("odd ones")
    roles, first = mapped(deployment), f"g{one.pk}"
    one.delete(using="owner")
    left = mapped(deployment)

    assert roles[first] == "odd_ones"
    assert roles[f"g{other.pk}"].startswith("odd_ones_")
    assert left == {f"g{other.pk}": roles[f"g{other.pk}"]}


def test_a_role_that_is_not_ours_is_left_alone(deployment):
    name = deployment.role("strangers")
    deployment.rows(f"CREATE ROLE {name}")
    try:
        made = people.group("Strangers", "office.view_ticket")
        role = mapped(deployment)[f"g{made.pk}"]

        assert role.startswith("strangers_")
        assert not holds(deployment, "strangers")
        assert sync_pg_roles(check=True).out == CLEAN
    finally:
        deployment.rows(f"DROP ROLE {name}")


# Permissions


def test_a_permission_held_directly_counts_at_once(deployment, acme):
    user = people.user("one", tenant=acme)
    with pytest.raises(PermissionDenied):
        people.seen(user, Ticket, acme)
    user.user_permissions.add(people.permission("office.view_ticket"))
    seen = people.seen(user, Ticket, acme)
    user.user_permissions.clear()

    assert len(seen) == 1
    with pytest.raises(PermissionDenied):
        people.seen(user, Ticket, acme)


def test_a_permission_that_nobody_holds_directly_any_more_goes_with_a_sync(deployment, acme):
    user = people.user("one", tenant=acme, permissions=["office.view_ticket"])
    people.seen(user, Ticket, acme)
    user.user_permissions.clear()
    checked = sync_pg_roles(check=True).out
    sync_pg_roles()

    assert checked == CLEAN
    assert not holds(deployment, "can_office_view_ticket")
    user.user_permissions.add(people.permission("office.view_ticket"))
    assert len(people.seen(user, Ticket, acme)) == 1


def test_a_permission_that_a_policy_asks_for_keeps_its_role(deployment, acme):
    user = people.user("one", tenant=acme, permissions=["office.audit_task"])
    group = people.group("Auditors", "office.audit_task")
    user.user_permissions.clear()

    assert belongs(deployment, "auditors", "can_office_audit_task")
    Group.objects.get(pk=group.pk).permissions.clear()
    assert not belongs(deployment, "auditors", "can_office_audit_task")


def test_a_permission_that_somebody_else_holds_directly_stays(deployment, acme):
    one = people.user("one", permissions=["office.view_ticket"])
    other = people.user("other", tenant=acme, permissions=["office.view_ticket"])
    one.delete(using="owner")

    assert len(people.seen(other, Ticket, acme)) == 1


def test_a_direct_permission_of_an_inactive_user_counts_when_the_user_does(deployment, acme):
    user = people.user("one", tenant=acme, permissions=["office.view_ticket"], is_active=False)
    with pytest.raises(PermissionDenied):
        people.seen(user, Ticket, acme)
    User.objects.filter(pk=user.pk).update(is_active=True)

    assert len(people.seen(user, Ticket, acme)) == 1


@pytest.fixture
def permissions_again():
    """Permissions and content types are as they were after the test."""
    yield
    ContentType.objects.using("owner").filter(app_label="bureau").update(app_label="office")
    ContentType.objects.clear_cache()
    Permission.objects.using("owner").filter(codename="look_ticket").update(codename="view_ticket")
    deployments.migrate()


def test_a_deleted_permission_is_taken_from_groups_and_users(
    deployment, readers, permissions_again
):
    people.user("one", permissions=["office.view_ticket"])
    people.permission("office.view_ticket").delete(using="default")

    assert not holds(deployment, "readers")
    assert not holds(deployment, "can_office_view_ticket")
    assert sync_pg_roles(check=True).out == CLEAN


def test_a_renamed_permission_is_another(deployment, readers, permissions_again):
    people.user("one", permissions=["office.view_ticket"])
    people.group("Auditors", "office.audit_task")
    Permission.objects.filter(codename="view_ticket").update(codename="look_ticket")

    assert not holds(deployment, "readers")
    assert not holds(deployment, "can_office_view_ticket")
    assert sync_pg_roles(check=True).out == CLEAN


def test_permissions_of_a_renamed_app_are_others(deployment, readers, permissions_again):
    people.user("one", permissions=["office.view_ticket"])
    ContentType.objects.filter(app_label="office", model="ticket").update(app_label="bureau")
    ContentType.objects.clear_cache()

    assert not holds(deployment, "readers")
    assert not holds(deployment, "can_office_view_ticket")


def test_a_permission_that_is_no_privilege_here_changes_nothing(deployment, readers):
    before = deployment.snapshot()
    readers.permissions.add(people.permission("sessions.view_session"))

    assert deployment.snapshot() == before


# Policies for others than the group itself


@pytest.fixture
def cases(acme):
    """Open and closed cases; their declaration is as it was after the test."""
    before = Case._meta.constraints
    for flag in (True, False):
        people.make(Case(tenant=acme, flag=flag))
    yield declare
    declare(*before[0].policies)


def declare(*policies):
    Case._meta.constraints = [
        RowSecurity(tenant="tenant", policies=policies, name="office_case_rls")
    ]
    with connections["owner"].schema_editor() as editor:
        editor.execute(Case._meta.constraints[0].create_sql(Case, editor), params=None)
    sync_pg_roles()


@pytest.mark.parametrize("to", [EVERYONE, Holders("office.view_case"), None])
def test_a_restrictive_policy_binds_a_group_that_was_made_after_the_sync(acme, cases, to):
    cases(Policy("flagged", permissive=False, to=to, using=Q(flag=True)))
    member = people.user("m", tenant=acme, groups=[people.group("Late", "office.view_case")])

    assert len(people.seen(member, Case, acme)) == 1


def test_a_policy_to_holders_of_a_permission_shows_rows_to_a_group_made_later(acme, cases):
    cases(
        Policy(
            "audited",
            command=SELECT,
            to=Holders("office.audit_task"),
            using=Q(flag=True),
            permission_required=False,
        )
    )
    late = people.group("Late")
    member = people.user("m", tenant=acme, groups=[late])
    with pytest.raises(PermissionDenied):
        people.seen(member, Case, acme)
    by_sql("default")(late, "audit_task", give=True)

    assert len(people.seen(member, Case, acme)) == 1
