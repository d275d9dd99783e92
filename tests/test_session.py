"""Contexts are entered and left: with, async with, decorators; nested (PARITY A12)."""

import asyncio
import contextvars
import gc
import threading

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils.functional import SimpleLazyObject

from rls_perms import (
    NoContext,
    PermissionDenied,
    as_role,
    as_system,
    as_tenant,
    as_user,
    current_context,
)
from rls_perms.exceptions import UnknownRole
from tests import kept, people
from tests.office.models import Contract, Document, Tenant, User
from tests.settings import PROJECT

TENANT = Tenant(pk=1, name="acme")
ANN = User(pk=1, username="ann", tenant=TENANT)
BOB = User(pk=2, username="bob", tenant_id=2)
AUDIT = "rls_perms.audit"


def user():
    """The user of the context in force; None without one."""
    context = current_context()
    return None if context is None else context.user


# Entering and leaving


def test_without_a_context_there_is_none():
    assert current_context() is None


def test_a_with_statement_enters_and_leaves():
    with as_user(ANN):
        inside = user()

    assert (inside, user()) == ("1", None)


def test_contexts_nest_and_leaving_restores_each():
    with as_user(ANN):
        with as_user(BOB):
            with as_role("manager"):
                innermost = current_context().role
            inner = user()
        outer = user()

    assert (innermost, inner, outer, user()) == ("manager", "2", "1", None)


def test_one_object_may_be_entered_inside_itself():
    entering = as_user(ANN)
    with entering, as_user(BOB), entering:
        innermost = user()

    assert (innermost, user()) == ("1", None)


def test_an_error_restores_what_was_before():
    with as_user(ANN):
        with pytest.raises(KeyError), as_user(BOB):
            raise KeyError

        assert user() == "1"


def test_an_error_while_entering_changes_nothing():
    with as_user(ANN):
        with pytest.raises(ValueError, match="saved"), as_user(User()):
            pass

        assert user() == "1"


def test_a_decorator_enters_for_each_call():
    asked = as_user(ANN)(user)

    assert (asked(), user(), asked()) == ("1", None, "1")


def test_a_decorator_keeps_the_name_and_the_arguments():
    @as_user(ANN)
    def one(first, *, second):
        return user(), first, second

    assert one.__name__ == "one"
    assert one(1, second=2) == ("1", 1, 2)


def test_a_decorated_function_may_call_itself():
    @as_user(ANN)
    def count(left):
        return [user(), *(count(left - 1) if left else [])]

    assert count(2) == ["1", "1", "1"]
    assert user() is None


def test_a_decorator_restores_after_an_error():
    @as_user(ANN)
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert user() is None


def test_a_decorated_coroutine_runs_in_the_context():
    @as_user(ANN)
    async def ask():
        await asyncio.sleep(0)
        return user()

    async def main():
        return await ask(), user()

    assert asyncio.run(main()) == ("1", None)


def test_async_with_enters_and_leaves():
    async def main():
        async with as_user(ANN):
            await asyncio.sleep(0)
            inside = user()
        return inside, user()

    assert asyncio.run(main()) == ("1", None)


def test_cancellation_restores_what_was_before():
    async def main():
        async def wait():
            async with as_user(BOB):
                await asyncio.sleep(60)

        async def cancelled():
            async with as_user(ANN):
                try:
                    await asyncio.wait_for(wait(), 0.01)
                except TimeoutError:
                    return user()

        return await cancelled(), user()

    assert asyncio.run(main()) == ("1", None)


def test_tasks_at_once_do_not_meet_though_they_share_an_object():
    shared = as_user(ANN)

    async def ask(entering):
        async with entering:
            await asyncio.sleep(0.01)
            return user()

    async def main():
        return await asyncio.gather(ask(shared), ask(as_user(BOB)), ask(shared))

    assert asyncio.run(main()) == ["1", "2", "1"]


def test_threads_do_not_meet_though_they_share_an_object():
    shared, met, seen = as_user(ANN), threading.Barrier(3), []

    def enter():
        with shared:
            met.wait()
            seen.append(user())
        met.wait()
        seen.append(user())

    threads = [threading.Thread(target=enter) for _ in range(3)]
    [one.start() for one in threads]
    [one.join() for one in threads]

    assert sorted(seen, key=str) == ["1", "1", "1", None, None, None]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_generator_function_is_refused(kind):
    def rows():
        yield user()

    async def async_rows():
        yield user()

    with pytest.raises(TypeError, match=r"rows\(\) is a generator.*Collect the rows inside"):
        as_user(ANN)({"sync": rows, "async": async_rows}[kind])


def generator(entering):
    with entering:
        yield user()
        yield user()


def test_a_generator_that_is_closed_restores_what_was_before():
    rows = generator(as_user(ANN))
    next(rows)
    rows.close()

    assert user() is None


def test_a_generator_that_is_collected_restores_what_was_before():
    rows = generator(as_user(ANN))
    next(rows)
    del rows
    gc.collect()

    assert user() is None


def test_a_generator_that_ends_inside_a_later_context_does_not_end_that_one():
    rows = generator(as_user(ANN))
    next(rows)
    with as_user(BOB):
        rows.close()
        inside = user()

    assert (inside, user()) == ("2", None)


def test_a_generator_that_ends_in_another_place_changes_nothing_there():
    rows = generator(as_user(ANN))
    contextvars.copy_context().run(next, rows)
    with as_user(BOB):
        rows.close()
        inside = user()

    assert (inside, user()) == ("2", None)


# Who


def test_as_user_takes_the_key_and_the_tenant_of_the_user():
    with as_user(ANN) as context:
        assert (context.user, context.tenant) == ("1", "1")


def test_as_user_takes_another_tenant_by_instance_or_key():
    given = [as_user(ANN, tenant=one)._make().tenant for one in (Tenant(pk=7), 7, "7", None)]

    assert given == ["7", "7", "7", None]


def test_a_user_without_a_tenant_has_none():
    with as_user(User(pk=3)) as context:
        assert context.tenant is None


def test_the_anonymous_user_is_nobody():
    with as_user(AnonymousUser()) as context:
        assert (context.user, context.tenant, str(context)) == (None, None, "nobody")


def test_a_lazy_user_is_the_user():
    with as_user(SimpleLazyObject(lambda: ANN)) as context:
        assert context.user == "1"


def test_a_user_that_is_not_saved_is_refused():
    with pytest.raises(ValueError, match=r"needs a user that is saved, or AnonymousUser"):
        as_user(User(username="new")).__enter__()

    assert current_context() is None


@pytest.mark.parametrize("wrong", [None, 5, "ann", TENANT, User])
def test_what_is_no_user_is_refused(wrong):
    with pytest.raises(ValueError, match=r"takes a user \(office\.User\) or AnonymousUser"):
        as_user(wrong).__enter__()

    assert current_context() is None


@pytest.mark.parametrize("wrong", [Tenant(), "", Contract()])
def test_what_is_no_tenant_is_refused(wrong):
    with pytest.raises(ValueError, match=r"no key|no tenant \(office\.Tenant\)"):
        as_user(ANN, tenant=wrong).__enter__()

    assert current_context() is None


def test_as_tenant_changes_the_tenant_and_nothing_else():
    with as_user(ANN), as_tenant(9) as context:
        assert (context.user, context.tenant) == ("1", "9")


def test_as_tenant_follows_the_user_of_each_call():
    @as_tenant(9)
    def asked():
        return current_context().user, current_context().tenant

    with as_user(ANN):
        first = asked()
    with as_user(BOB):
        second = asked()

    assert (first, second) == (("1", "9"), ("2", "9"))


def test_as_tenant_without_a_context_raises():
    with pytest.raises(NoContext, match=r"as_tenant\(9\).*as_user\(user\)"), as_tenant(9):
        pass

    assert current_context() is None


@pytest.mark.parametrize("wrong", ["", None, 5])
def test_as_role_takes_a_name(wrong):
    with pytest.raises(ValueError, match=r"as_role\('manager'\)"):
        as_role(wrong)


def test_as_role_does_not_enter_the_system_role():
    with pytest.raises(ValueError, match=r"as_system\(reason='...'\)"):
        as_role("system")


@pytest.mark.parametrize("wrong", ["", "  ", None])
def test_as_system_needs_a_reason(wrong):
    with pytest.raises(ValueError, match=r"Say why.*as_system\(reason='nightly invoices'\)"):
        as_system(reason=wrong)


def test_as_system_cannot_leave_out_its_reason():
    with pytest.raises(TypeError, match="reason"):
        as_system()


def test_each_entry_of_the_system_role_is_in_the_audit_log(caplog):
    entering = as_system(reason="nightly invoices")

    with caplog.at_level("INFO", AUDIT):
        with entering:
            pass
        with entering:
            pass

    assert [(one.name, one.reason) for one in caplog.records] == [(AUDIT, "nightly invoices")] * 2


# In the database


@pytest.fixture
def office(db):
    return kept.world(make_clerk)


def make_clerk():
    tenant = people.tenant("acme")
    clerks = people.group("Clerks", "office.view_document")
    clerk = people.user("clerk", tenant=tenant, groups=[clerks])
    people.make(Document(tenant=tenant, title="one"))
    people.make(Document(tenant=people.tenant("bolt"), title="two"))
    return clerk


def whoever():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rls_perms.user_id(), rls_perms.tenant_id()")
        return cursor.fetchone()


def titles():
    return sorted(Document.objects.values_list("title", flat=True))


def test_each_kind_of_context_is_its_role(office):
    with as_user(office):
        clerk = whoever()
    with as_role("clerk", tenant=office.tenant_id):
        role = whoever()
    with as_system(reason="test"):
        system = whoever()
    with as_user(AnonymousUser(), tenant=office.tenant_id):
        nobody = whoever()

    assert clerk == (f"{PROJECT}_clerk", office.pk, office.tenant_id)
    assert role == (f"{PROJECT}_clerk", None, office.tenant_id)
    assert system == (f"{PROJECT}_system", None, None)
    assert nobody == (f"{PROJECT}_anonymous", None, office.tenant_id)


def test_after_a_context_protected_tables_are_closed_again(office):
    with as_user(office):
        inside = titles()

    with pytest.raises(PermissionDenied, match=r"the login role, without a context.*as_user"):
        titles()
    assert inside == ["one"]


def test_as_tenant_shows_another_tenants_rows(office):
    with as_user(office):
        own = titles()
        with as_tenant(Tenant.objects.get(name="bolt")):
            other = titles()
        with as_tenant(None):
            none = titles()

        assert (own, other, none, titles()) == (["one"], ["two"], [], ["one"])


def test_a_role_that_is_not_there_is_told_by_the_first_statement(office):
    with (
        as_role("managr"),
        pytest.raises(UnknownRole, match=r"there is no role .*_managr.*sync_pg_roles"),
    ):
        titles()


def test_contexts_enter_threads_of_async_code(office):
    async def ask():
        async with as_user(office):
            return [one.title async for one in Document.objects.all()]

    assert asyncio.run(ask()) == ["one"]


def test_a_superuser_in_no_tenant_is_an_event_of_the_audit_log_once_a_context(office, caplog):
    boss = people.user("boss", is_superuser=True)

    with caplog.at_level("INFO", AUDIT), as_user(boss):
        titles()
        titles()

    assert [one.getMessage() for one in caplog.records] == [
        f"system role entered: user {boss.pk}, without a tenant"
    ]


def test_a_superuser_in_a_tenant_is_no_event_of_the_audit_log(office, caplog):
    boss = people.user("boss", tenant=office.tenant, is_superuser=True)

    with caplog.at_level("INFO", AUDIT), as_user(boss):
        assert titles() == ["one"]

    assert caplog.records == []


def test_a_group_whose_role_ends_like_the_system_role_is_no_event_of_the_audit_log(db, caplog):
    group = people.group("File System", "office.view_tag")
    member = people.user("member", groups=[group])
    people.sync()

    with caplog.at_level("INFO", AUDIT), as_user(member):
        role = whoever()[0]

    assert role == f"{PROJECT}_file_system"
    assert caplog.records == []


def test_the_audit_event_is_there_though_the_statement_failed(office, caplog):
    boss = people.user("boss", is_superuser=True)

    with (
        caplog.at_level("INFO", AUDIT),
        as_user(boss),
        connection.cursor() as cursor,
        pytest.raises(PermissionDenied),
    ):
        cursor.execute("SELECT * FROM auth_group")

    assert [one.event for one in caplog.records] == ["elevated", "denied"]
