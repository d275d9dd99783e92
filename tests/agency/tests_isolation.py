"""No row of another client, by the ORM and by SQL: the same with and without TENANT_ROLES."""

import asyncio

import pytest
from django.db import DatabaseError, connection, connections, transaction
from rls_perms import (
    NoContext,
    PermissionDenied,
    as_role,
    as_system,
    as_tenant,
    as_user,
)

from cases.models import Bill, Case, Client, Plan
from conftest import NOBODY, again, keys, seen

EVERY_CASE = [f"cases.{one}_case" for one in ("view", "add", "change", "delete")]
EVERY_BILL = [f"cases.{one}_bill" for one in ("view", "add", "change", "delete")]


@pytest.fixture
def boss(world):
    """Somebody who may do everything with cases and bills, wherever they are."""
    leads = world.group("Leads", *EVERY_CASE, *EVERY_BILL)
    boss = world.user("boss", groups=[leads])
    world.member(boss, world.acme)
    return boss


def execute(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def test_raw_sql_without_a_filter_shows_the_tenants_rows(world, boss):
    with as_user(boss):
        assert execute("SELECT id FROM cases_case") == [(world.cases[world.acme].pk,)]
        assert execute("SELECT count(*) FROM cases_bill") == [(1,)]


def test_the_orm_without_a_filter_shows_the_tenants_rows(world, boss):
    with as_user(boss, tenant=world.globex):
        assert list(Case.objects.all()) == [world.cases[world.globex]]
        assert Case.objects.filter(client=world.acme).count() == 0


@pytest.mark.parametrize("table", ["cases_case", "cases_bill"])
def test_what_is_changed_without_a_filter_is_the_tenants(world, boss, table):
    with as_user(boss):
        assert execute(f"UPDATE {table} SET id = id") == 1
        assert execute(f"DELETE FROM {table}") == 1

    assert Case.objects.using("owner").filter(client=world.globex).count() == 1
    assert Bill.objects.using("owner").filter(client=world.globex).count() == 1


def test_a_row_is_not_moved_to_another_tenant(world, boss):
    with as_user(boss), pytest.raises(PermissionDenied):
        execute("UPDATE cases_case SET client_id = %s", world.globex.pk)

    assert Case.objects.using("owner").get(pk=world.cases[world.acme].pk).client == world.acme


def test_a_row_is_not_made_in_another_tenant(world, boss):
    with as_user(boss), pytest.raises(PermissionDenied):
        Bill.objects.create(client=world.globex, amount=1)

    assert Bill.objects.using("owner").count() == 2


def test_without_a_tenant_there_is_no_row(world, boss):
    with as_user(boss, tenant=None):
        assert keys("cases_case") == set()
        assert keys("cases_bill") == set()


def test_a_tenant_that_does_not_exist_has_no_rows(world, boss):
    with as_user(boss, tenant=10**9):
        assert keys("cases_case") == set()
        assert Bill.objects.count() == 0


def test_a_superuser_in_a_tenant_sees_that_tenant(world):
    root = world.user("root", is_superuser=True)

    assert seen(root, world.acme) == {world.cases[world.acme].pk}
    assert seen(root, None) == {one.pk for one in world.cases.values()}


def test_a_superuser_in_a_tenant_that_does_not_exist_sees_nothing(world):
    assert seen(world.user("root", is_superuser=True), 10**9) == set()


def test_a_visitor_sees_what_is_public_of_the_tenant(world):
    with as_user(NOBODY, tenant=world.globex):
        assert list(Client.objects.all()) == [world.globex]
    with as_user(NOBODY):
        assert list(Client.objects.all()) == []


def test_an_inactive_user_is_a_visitor(world):
    gone = world.user("gone", is_active=False)
    world.member(gone, world.acme, world.group("Leads", *EVERY_CASE))

    with as_user(gone, tenant=world.acme):
        assert list(Client.objects.all()) == [world.acme]
    assert seen(gone, world.acme) == set()


def test_a_user_without_groups_is_everybody(world):
    ada = world.user("ada")
    plan = world.make(Plan(client=world.acme, owner=ada))
    world.make(Plan(client=world.globex, owner=ada))

    with as_user(ada, tenant=world.acme):
        assert list(Plan.objects.all()) == [plan]


def test_a_named_role_in_a_tenant(world):
    world.group("Leads", *EVERY_CASE)

    for one in (world.acme, world.globex):
        with as_role("lead", tenant=one):
            assert keys() == {world.cases[one].pk}
    with as_role("lead"):
        assert keys() == set()


def test_the_system_sees_all_and_goes_into_a_tenant(world):
    with as_system(reason="a test"):
        assert Case.objects.count() == 2
        with as_tenant(world.acme):
            assert execute("SELECT rls_perms.tenant_id()") == [(world.acme.pk,)]
            assert Case.objects.count() == 2


def test_tenants_follow_each_other_within_one_transaction(world, boss):
    found = []
    with transaction.atomic():
        for one in (world.acme, world.globex, world.acme):
            with as_user(boss, tenant=one):
                found.append(keys())
                with as_tenant(world.globex):
                    found.append(keys())

    acme, globex = ({world.cases[one].pk} for one in (world.acme, world.globex))
    assert found == [acme, globex, globex, globex, acme, globex]


def test_a_tenant_is_left_when_its_context_is(world, boss):
    with as_user(boss), transaction.atomic():
        with as_tenant(world.globex):
            Case.objects.count()

        assert keys() == {world.cases[world.acme].pk}
    with pytest.raises(NoContext), as_tenant(world.acme):
        pass


def test_an_error_in_one_tenant_leaves_the_other_as_it_was(world, boss):
    with as_user(boss), transaction.atomic():
        with pytest.raises(DatabaseError), as_tenant(world.globex), transaction.atomic():
            execute("SELECT 1 / 0")

        assert keys() == {world.cases[world.acme].pk}


def test_an_owners_function_knows_the_tenant_of_whoever_calls_it(world, boss):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION own_tenant() RETURNS bigint LANGUAGE sql SECURITY DEFINER"
            " AS 'SELECT rls_perms.tenant_id()'"
        )

    with as_user(boss, tenant=world.globex):
        assert execute("SELECT own_tenant()") == [(world.globex.pk,)]


def test_coroutines_at_once_are_each_in_their_own_tenant(world, boss):
    async def titles(client):
        async with as_user(boss, tenant=client):
            return [one.title async for one in Case.objects.all()]

    async def both():
        return await asyncio.gather(titles(world.acme), titles(world.globex), titles(world.acme))

    assert asyncio.run(both()) == [["acme's"], ["globex's"], ["acme's"]]


def test_a_group_that_is_taken_away_counts_no_more_in_any_tenant(world, boss):
    before = seen(boss, world.acme, "cases_bill"), seen(boss, world.globex, "cases_bill")

    again(boss).groups.clear()

    assert [len(one) for one in before] == [1, 1]
    assert seen(boss, world.acme, "cases_bill") is None
    assert seen(boss, world.globex, "cases_bill") is None


def test_a_new_tenant_works_at_once(world, boss):
    initech = world.make(Client(name="initech"))
    case = world.make(Case(client=initech, title="new"))

    assert seen(boss, initech) == {case.pk}


def test_a_new_tenant_works_in_the_transaction_that_makes_it(world, boss):
    with transaction.atomic():
        with as_system(reason="a test"):
            initech = Client.objects.create(name="initech")
        with as_user(boss, tenant=initech):
            Case.objects.create(client=initech, title="new")

            assert [one.title for one in Case.objects.all()] == ["new"]


def test_a_tenant_that_is_deleted_takes_its_rows_along(world, boss):
    with as_system(reason="a test"):
        Client.objects.get(pk=world.globex.pk).delete()

    assert seen(boss, world.globex) == set()
    assert seen(boss, world.acme) == {world.cases[world.acme].pk}
