"""Groups in one tenant only: the database and has_perm count them there, live, and nowhere else."""

import asyncio
import io

import hypothesis
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from rls_perms import PermissionDenied, as_role, as_tenant, as_user, current_context
from rls_perms.memberships import belongs_to, default_tenant, tenants_of
from rls_perms.testing import assert_permissions_match, worlds

from cases.models import Case, Membership, Plan
from conftest import NOBODY, Group, User, again, empty, keys, permission, seen

VIEW, ADD, CHANGE, DELETE = (f"cases.{one}_case" for one in ("view", "add", "change", "delete"))


def test_worlds_that_are_made_up_have_memberships():
    found = hypothesis.find(worlds(Case), _has_memberships)

    assert _has_memberships(found)


def _has_memberships(world):
    return any(row.model == Membership._meta.label and any(row.many.values()) for row in world.rows)


def test_a_group_of_a_membership_counts_in_its_tenant_alone(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", VIEW))

    assert seen(ada, world.acme) == {world.cases[world.acme].pk}
    assert seen(ada, world.globex) == set()


def test_somebody_has_other_groups_with_each_client(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", "cases.view_bill"))
    world.member(ada, world.globex, world.group("Clerks", "cases.view_bill", "cases.add_bill"))

    assert changes(ada, world.acme) is None
    assert changes(ada, world.globex) == 1


def changes(user, client):
    """How many bills *user* may add with *client*; None if denied."""
    try:
        with as_user(user, tenant=client), connection.cursor() as cursor, transaction.atomic():
            cursor.execute("INSERT INTO cases_bill (client_id, amount) VALUES (%s, 1)", [client.pk])
            return cursor.rowcount
    except PermissionDenied:
        return None


def test_groups_of_a_membership_are_added_to_those_that_count_everywhere(world):
    ada = world.user("ada", groups=[world.group("Readers", VIEW)])
    world.member(ada, world.acme, world.group("Leads", "cases.view_bill"))

    assert seen(ada, world.acme, "cases_bill") == {world.bills[world.acme].pk}
    assert seen(ada, world.acme) == {world.cases[world.acme].pk}
    assert seen(ada, world.globex) == {world.cases[world.globex].pk}
    assert seen(ada, world.globex, "cases_bill") is None


def test_direct_permissions_count_beside_the_groups_of_a_membership(world):
    ada = world.user("ada", permissions=["cases.view_bill"])
    world.member(ada, world.acme, world.group("Readers", VIEW))

    assert seen(ada, world.acme, "cases_bill") == {world.bills[world.acme].pk}
    assert seen(ada, world.acme) == {world.cases[world.acme].pk}


def test_a_membership_that_is_taken_away_is_gone_at_the_next_request(world):
    ada = world.user("ada")
    member = world.member(ada, world.acme, world.group("Readers", VIEW))
    before = seen(ada, world.acme)

    member.delete(using="owner")

    assert before == {world.cases[world.acme].pk}
    assert seen(ada, world.acme) == set()


def test_a_group_that_is_taken_from_a_membership_by_sql_is_gone_too(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", "cases.view_bill"))
    before = seen(ada, world.acme, "cases_bill")

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_membership_groups")

    assert before == {world.bills[world.acme].pk}
    assert seen(ada, world.acme, "cases_bill") is None


def test_a_membership_that_is_written_in_a_context_counts_in_it_at_once(world):
    ada, readers = world.user("ada"), world.group("Readers", "cases.view_bill")

    with as_user(ada, tenant=world.acme), transaction.atomic():
        before = denied_in_a_savepoint()
        made = Membership.objects.create(user=ada, client=world.acme)
        made.groups.add(readers)
        after = keys("cases_bill")

    assert before is None
    assert after == {world.bills[world.acme].pk}


def denied_in_a_savepoint():
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM cases_bill")
            return cursor.fetchall()
    except PermissionDenied:
        return None


def test_an_inactive_membership_counts_for_nothing(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", VIEW), is_active=False)

    assert seen(ada, world.acme) == set()
    assert not belongs_to(ada, world.acme)
    with as_user(ada, tenant=world.acme):
        assert not again(ada).has_perm(VIEW)


def test_an_inactive_user_has_none(world):
    ada = world.user("ada", is_active=False)
    world.member(ada, world.acme, world.group("Readers", "cases.view_bill"))

    assert seen(ada, world.acme, "cases_bill") is None


def test_a_superuser_needs_no_membership(world):
    root = world.user("root", is_superuser=True)

    assert seen(root, world.acme) == {world.cases[world.acme].pk}
    assert belongs_to(root, world.globex)


def test_who_invited_somebody_is_no_member_by_that(world):
    ada, bob = world.user("ada"), world.user("bob")
    world.member(ada, world.acme, world.group("Readers", VIEW), invited_by=bob)

    assert tenants_of(bob) == frozenset()
    assert seen(bob, world.acme) == set()


def test_a_combination_that_nobody_had_is_made_on_first_use_and_sync_is_clean(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", VIEW), world.group("Writers", ADD))

    assert seen(ada, world.acme) == {world.cases[world.acme].pk}
    call_command("sync_pg_roles", check=True, stdout=io.StringIO(), stderr=io.StringIO())


def test_sync_makes_the_role_of_a_combination_that_a_membership_asks_for(world):
    ada = world.user("ada", groups=[world.group("Writers", ADD)])
    readers = world.group("Readers", VIEW)
    world.member(ada, world.acme, readers)

    call_command("sync_pg_roles", stdout=io.StringIO(), stderr=io.StringIO())

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rls_perms.role_map WHERE key LIKE 'g%%,g%%'")
        assert cursor.fetchone() == (1,)


def test_a_group_of_a_membership_that_loses_a_permission_loses_it_at_once(world):
    ada = world.user("ada")
    readers = world.group("Readers", "cases.view_bill")
    world.member(ada, world.acme, readers)
    before = seen(ada, world.acme, "cases_bill")

    readers.permissions.clear()

    assert before == {world.bills[world.acme].pk}
    assert seen(ada, world.acme, "cases_bill") is None


def test_a_policy_for_a_group_holds_for_its_members_in_that_tenant(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Leads", "cases.view_plan"))
    plans = [world.make(Plan(client=one, secret=True)) for one in (world.acme, world.globex)]

    assert seen(ada, world.acme, "cases_plan") == {plans[0].pk}
    assert seen(ada, world.globex, "cases_plan") == set()


def test_the_settings_of_a_groups_role_go_along_in_that_tenant(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Leads"))

    found = []
    for client in (world.acme, world.globex):
        with as_user(ada, tenant=client), connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            found += cursor.fetchone()

    assert found == ["90s", "0"]


# has_perm


def test_has_perm_says_the_same_by_the_tenant_of_the_context(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", VIEW))
    world.member(ada, world.globex, world.group("Clerks", CHANGE))

    with as_user(ada, tenant=world.acme):
        in_acme = ada.get_all_permissions()
        with as_tenant(world.globex):
            in_globex = ada.has_perm(CHANGE), ada.has_perm(VIEW)

    assert in_acme == {VIEW}
    assert in_globex == (True, False)
    assert not ada.has_perm(VIEW)


def test_has_perm_asks_once_for_each_tenant(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", VIEW))

    with as_user(ada, tenant=world.acme):
        ada.has_perm(VIEW)
        with CaptureQueriesContext(connection) as queries:
            ada.has_perm(VIEW)
            ada.has_perm(ADD)

    assert not queries.captured_queries


def test_has_perm_in_a_coroutine(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", VIEW))

    async def ask():
        async with as_user(ada):
            return current_context().tenant, await ada.ahas_perm(VIEW)

    @as_user(ada)
    async def decorated():
        return current_context().tenant

    assert asyncio.run(ask()) == (str(world.acme.pk), True)
    assert asyncio.run(decorated()) == str(world.acme.pk)


@pytest.mark.parametrize("model", ["Case", "Bill", "Plan", "Client"])
def test_the_truth_table_with_memberships(world, model):
    readers = world.group("Readers", VIEW, "cases.view_bill", "cases.view_plan")
    leads = world.group("Leads", CHANGE, "cases.add_bill", "cases.change_plan", "cases.view_client")
    others = world.group("Others", DELETE, "cases.delete_plan", "cases.change_client")
    ada = world.user("ada", groups=[others])
    bob = world.user("bob", permissions=["cases.change_bill"])
    world.user("root", is_superuser=True)
    gone = world.user("gone", is_active=False)
    world.member(ada, world.acme, readers)
    world.member(ada, world.globex, leads, others)
    world.member(bob, world.acme, leads, is_active=False)
    world.member(bob, world.globex)
    world.member(gone, world.acme, leads)
    for one in (world.acme, world.globex):
        world.make(Plan(client=one, owner=bob))
        world.make(Plan(client=one, secret=True))

    assert_permissions_match(world.model(model))


@hypothesis.settings(max_examples=8, derandomize=True, database=None, deadline=None)
@hypothesis.given(world=worlds(Case))
def test_the_truth_table_of_worlds_that_are_made_up(migrated, world):
    empty()
    world.make("owner")

    assert_permissions_match(Case)


# Which tenant, and whose


def test_the_only_membership_is_the_tenant_where_none_is_chosen(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", VIEW))

    with as_user(ada):
        assert current_context().tenant == str(world.acme.pk)
        assert keys() == {world.cases[world.acme].pk}


def test_somebody_in_several_has_no_tenant_until_they_choose_one(world):
    ada, readers = world.user("ada"), world.group("Readers", VIEW)
    world.member(ada, world.acme, readers)
    world.member(ada, world.globex, readers)

    with as_user(ada):
        assert current_context().tenant is None
        assert keys() == set()
    assert default_tenant(ada) is None
    assert tenants_of(ada) == {str(world.acme.pk), str(world.globex.pk)}


def test_an_inactive_membership_is_not_one_of_several(world):
    ada, readers = world.user("ada"), world.group("Readers", VIEW)
    world.member(ada, world.acme, readers)
    world.member(ada, world.globex, readers, is_active=False)

    assert default_tenant(ada) == str(world.acme.pk)


def test_nobody_belongs_nowhere(world):
    assert tenants_of(NOBODY) == frozenset()
    assert default_tenant(NOBODY) is None


def logged_in(user):
    browser = Browser()
    browser.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return browser


def test_a_request_runs_in_the_only_tenant_of_its_user(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", VIEW))

    answer = logged_in(ada).get("/titles/").json()

    assert answer == {"titles": ["acme's"], "tenant": str(world.acme.pk)}


def test_a_request_chooses_among_the_tenants_of_its_user(world):
    ada = world.user("ada")
    world.member(ada, world.acme, world.group("Readers", VIEW))
    world.member(ada, world.globex, world.group("Clerks", VIEW))

    answer = logged_in(ada).get("/titles/", headers={"X-Tenant": str(world.globex.pk)}).json()

    assert answer == {"titles": ["globex's"], "tenant": str(world.globex.pk)}


def test_a_tenant_to_which_the_user_does_not_belong_is_refused(world):
    ada = world.user("ada", groups=[world.group("Readers", VIEW)])
    world.member(ada, world.acme)

    response = logged_in(ada).get("/titles/", headers={"X-Tenant": str(world.globex.pk)})

    assert response.status_code == 403


def test_a_membership_that_ends_between_two_requests_refuses_the_second(world):
    ada = world.user("ada")
    member = world.member(ada, world.acme, world.group("Readers", VIEW))
    browser, header = logged_in(ada), {"X-Tenant": str(world.acme.pk)}
    first = browser.get("/titles/", headers=header)

    member.delete(using="owner")

    assert first.status_code == 200
    assert browser.get("/titles/", headers=header).status_code == 403


def test_a_visitor_is_a_guest_in_the_tenant_that_the_resolver_says(world):
    answer = Browser().get("/public/", headers={"X-Tenant": str(world.acme.pk)}).json()

    assert answer == {"names": ["acme"]}


def test_as_user_with_a_foreign_tenant_brings_only_what_counts_everywhere(world):
    ada = world.user("ada", groups=[world.group("Readers", VIEW)])
    world.member(ada, world.acme, world.group("Leads", "cases.view_bill"))

    assert seen(ada, world.globex) == {world.cases[world.globex].pk}
    assert seen(ada, world.globex, "cases_bill") is None
    with as_user(ada, tenant=world.globex):
        assert again(ada).get_all_permissions() == {VIEW}


# Who writes memberships


@pytest.mark.parametrize("table", ["cases_membership", "cases_membership_groups"])
def test_no_session_role_touches_the_table_of_memberships_by_sql(world, table):
    everything = [f"cases.{action}_membership" for action in ("view", "add", "change", "delete")]
    boss = world.user("boss", groups=[world.group("Leads", *everything)])
    world.member(boss, world.acme)

    with as_user(boss, tenant=world.acme), connection.cursor() as cursor:
        for command in ("SELECT * FROM {}", "DELETE FROM {}", "UPDATE {} SET id = id"):
            with pytest.raises(PermissionDenied):
                cursor.execute(command.format(table))


def test_the_orm_reads_and_writes_memberships_as_the_login(world):
    ada = world.user("ada")
    with as_user(ada, tenant=world.acme):
        Membership.objects.create(user=ada, client=world.acme)

        assert Membership.objects.filter(user=ada).count() == 1


def test_a_key_that_is_none_of_a_tenant_is_an_error_and_no_row(world):
    ada = world.user("ada")

    with as_user(ada, tenant="no key"), pytest.raises(Exception, match="invalid input syntax"):
        Case.objects.count()


def test_two_memberships_with_one_client_are_for_the_project_to_refuse(world):
    ada = world.user("ada")
    world.member(ada, world.acme)

    with pytest.raises(IntegrityError):
        world.member(ada, world.acme)


def test_as_role_counts_no_membership(world):
    world.group("Readers", VIEW)

    with as_role("reader", tenant=world.acme):
        assert keys() == {world.cases[world.acme].pk}
    assert Group.objects.count() == 1
    assert User.objects.count() == 0
    assert permission(VIEW).codename == "view_case"
