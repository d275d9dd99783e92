"""
Contexts wherever code runs (PARITY A12): callbacks of a commit, threads, other processes.

Entering, nesting and leaving by themselves are in test_session.py, what goes over the wire in
test_transport.py, requests in test_requests.py.
"""

import asyncio
import contextlib
import contextvars
import functools
import gc
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import login, logout
from django.contrib.auth.models import AnonymousUser
from django.db import connection, connections, transaction
from django.http import JsonResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import AsyncClient, Client, override_settings
from django.test.testcases import TestCase
from django.urls import path

from rls_perms import (
    Context,
    InvalidContext,
    NoContext,
    PermissionDenied,
    as_context,
    as_role,
    as_system,
    as_tenant,
    as_user,
    current_context,
    in_context,
    seal,
    unseal,
)
from rls_perms.context import current
from rls_perms.exceptions import ConfigurationError
from tests import people
from tests.office.models import Document, User
from tests.settings import PROJECT

CLERK = f"{PROJECT}_clerk"


@pytest.fixture
def office(db):
    return Office()


class Office:
    """Two tenants with a document and a clerk each."""

    def __init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        clerks = people.group("Clerks", "office.view_document", "office.change_document")
        self.ann = people.user("ann", tenant=self.acme, groups=[clerks])
        self.bob = people.user("bob", tenant=self.bolt, groups=[clerks])
        people.make(Document(tenant=self.acme, title="acmes"))
        people.make(Document(tenant=self.bolt, title="bolts"))
        people.sync()

    def client(self, user):
        client = Client()
        client.force_login(user)
        return client


def titles():
    return sorted(Document.objects.values_list("title", flat=True))


def raw_titles():
    with connection.cursor() as cursor:
        cursor.execute("SELECT title FROM office_document ORDER BY title")
        return [title for (title,) in cursor.fetchall()]


def both():
    """What is seen by the ORM and by raw SQL."""
    return titles(), raw_titles()


ACMES = (["acmes"], ["acmes"])
BOLTS = (["bolts"], ["bolts"])
ALL = (["acmes", "bolts"], ["acmes", "bolts"])


# Callbacks of a commit


def test_a_callback_runs_as_who_registered_it_and_not_as_who_commits(office):
    seen = []

    with as_system(reason="test"), transaction.atomic():
        with as_user(office.ann):
            transaction.on_commit(lambda: seen.append((str(current_context()), both())))
        transaction.on_commit(lambda: seen.append((str(current_context()), both())))

    assert seen == [
        (f"user {office.ann.pk} in tenant {office.acme.pk}", ACMES),
        ("the system", ALL),
    ]


def test_a_callback_registered_without_a_context_does_not_run_as_who_commits(office):
    seen = []
    entering = as_user(office.ann)

    with entering, contextlib.ExitStack() as leaving:
        leaving.enter_context(without_a_context())
        block = transaction.atomic()
        block.__enter__()
        transaction.on_commit(lambda: seen.append(current_context()))
        leaving.close()
        transaction.on_commit(lambda: seen.append(current_context()))
        block.__exit__(None, None, None)

    assert [str(one) for one in seen] == [
        "None",
        f"user {office.ann.pk} in tenant {office.acme.pk}",
    ]


@contextlib.contextmanager
def without_a_context():
    token = current.set(None)
    yield
    current.reset(token)


def test_the_context_goes_on_after_callbacks_and_after_one_that_fails(office):
    def fail():
        raise KeyError("a callback")

    with as_user(office.ann):
        with pytest.raises(KeyError), transaction.atomic(), as_tenant(office.bolt):
            transaction.on_commit(fail)
        after = both()

    assert after == ACMES


def test_a_robust_callback_runs_as_who_registered_it(office, caplog):
    seen = []

    def fails():
        seen.append(both())
        raise KeyError("a callback")

    with transaction.atomic(), as_user(office.ann):
        transaction.on_commit(fails, robust=True)

    assert seen == [ACMES]
    assert "fails" in caplog.text


def test_a_callback_outside_of_a_transaction_runs_at_once(office):
    seen = []

    with as_user(office.ann):
        transaction.on_commit(lambda: seen.append(both()))

    assert seen == [ACMES]


def test_a_callback_of_a_savepoint_that_is_rolled_back_does_not_run(office):
    seen = []

    with as_user(office.ann), transaction.atomic():
        with contextlib.suppress(KeyError), transaction.atomic():
            transaction.on_commit(lambda: seen.append("inner"))
            raise KeyError
        transaction.on_commit(lambda: seen.append("outer"))

    assert seen == ["outer"]


def test_what_cannot_be_called_is_refused_as_by_django(office):
    with pytest.raises(TypeError, match="must be a callable"):
        transaction.on_commit("titles")


def test_a_callback_counts_what_its_transaction_changed_of_groups(office):
    seen = []

    with as_user(office.ann), transaction.atomic():
        before = both()
        office.ann.groups.clear()
        transaction.on_commit(lambda: seen.append(whoever()))

    assert before == ACMES
    assert seen == [f"{PROJECT}_everyone"]


def whoever():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        return cursor.fetchone()[0]


def test_callbacks_that_a_test_captures_run_as_who_registered_them(office):
    seen = []

    with (
        transaction.atomic(),
        TestCase.captureOnCommitCallbacks(execute=True) as callbacks,
        as_user(office.ann),
    ):
        transaction.on_commit(lambda: seen.append(both()))

    assert len(callbacks) == 1
    assert seen == [ACMES, ACMES]


# Requests


said = []


def leave(request):
    """Callbacks before and after the user logs out, or another one logs in."""
    said.clear()
    with transaction.atomic():
        transaction.on_commit(lambda: said.append(["before", *titles()]))
        if request.GET["to"] == "nobody":
            logout(request)
        else:
            other = User.objects.get(username=request.GET["to"])
            login(request, other, "django.contrib.auth.backends.ModelBackend")
        transaction.on_commit(lambda: said.append(["after", *titles()]))
    return JsonResponse({"said": said, "now": titles()})


def in_threads(request):
    with ThreadPoolExecutor(1) as executor:
        carried = executor.submit(in_context(closing(titles))).result()
        other = User.objects.get(username="bob")
        pinned = in_context(closing(titles))
        login(request, other, "django.contrib.auth.backends.ModelBackend")
        later = executor.submit(pinned).result()
    return JsonResponse({"carried": carried, "later": later, "now": titles()})


async def carrying(request):
    """What asgiref and asyncio do by themselves."""
    loop = asyncio.get_running_loop()
    return JsonResponse(
        {
            "sync_to_async": await sync_to_async(titles)(),
            "another thread": await sync_to_async(closing(titles), thread_sensitive=False)(),
            "to_thread": await asyncio.to_thread(closing(titles)),
            "task": await asyncio.create_task(sync_to_async(titles)()),
            "in_context": await loop.run_in_executor(None, in_context(closing(titles))),
        }
    )


async def async_template(request):
    """The query runs when the response is rendered, after the view."""
    template = engines["django"].from_string("{% for one in rows %}{{ one.title }} {% endfor %}")
    return TemplateResponse(request, template, {"rows": Document.objects.order_by("title")})


left = []


def stream(request):
    def body():
        try:
            yield f"{titles()}"
            yield "never read"
        finally:
            left.append(["closed", *titles()])

    return StreamingHttpResponse(body())


async def async_stream(request):
    async def body():
        try:
            yield f"{await sync_to_async(titles)()}"
            yield "never read"
        finally:
            left.append(["closed", *await sync_to_async(titles)()])

    return StreamingHttpResponse(body())


urlpatterns = [
    path("template/", async_template),
    path("stream/", stream),
    path("async_stream/", async_stream),
    path("leave/", leave),
    path("in_threads/", in_threads),
    path("carrying/", carrying),
]


def closing(function):
    """In a thread of its own, whose connections nobody else would close."""

    @functools.wraps(function)
    def closed():
        try:
            return function()
        finally:
            connections.close_all()

    return closed


@pytest.fixture
def pages(office):
    with override_settings(ROOT_URLCONF=__name__):
        yield office


@pytest.mark.parametrize("atomic", [False, True])
def test_callbacks_of_a_request_run_as_who_it_was_when_they_were_registered(
    pages, atomic, monkeypatch
):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", atomic)

    answer = pages.client(pages.ann).get("/leave/?to=bob").json()

    # With ATOMIC_REQUESTS the response is made before the commit.
    assert answer == {"said": [] if atomic else SAID, "now": ["bolts"]}
    assert said == SAID


SAID = [["before", "acmes"], ["after", "bolts"]]


def test_a_callback_that_was_registered_before_a_logout_is_the_users(pages):
    answer = pages.client(pages.ann).get("/leave/?to=nobody").json()

    assert answer == {"said": [["before", "acmes"], ["after"]], "now": []}


def test_threads_of_a_request_run_as_its_user_whoever_logs_in_later(pages):
    answer = pages.client(pages.ann).get("/in_threads/").json()

    assert answer == {"carried": ["acmes"], "later": ["acmes"], "now": ["bolts"]}


def test_async_code_carries_the_context_by_itself(pages):
    answer = pages.client(pages.ann).get("/carrying/").json()

    assert list(answer.values()) == [["acmes"]] * 5


def test_the_template_of_an_async_view_is_rendered_as_the_user(pages):
    async def ask():
        client = AsyncClient()
        await client.aforce_login(pages.ann)
        response = await client.get("/template/")
        return response.content

    assert asyncio.run(ask()) == b"acmes "


def test_a_stream_that_the_client_leaves_is_closed_as_its_user(pages):
    left.clear()
    response = pages.client(pages.ann).get("/stream/")

    first = next(iter(response))
    with as_user(pages.bob):
        response.close()
        after = titles()

    assert (first, left, after) == (b"['acmes']", [["closed", "acmes"]], ["bolts"])


def test_an_async_stream_that_the_client_leaves_is_closed_as_its_user(pages):
    left.clear()

    async def ask():
        client = AsyncClient()
        await client.aforce_login(pages.ann)
        response = await client.get("/async_stream/")
        chunks = aiter(response)
        first = await anext(chunks)
        async with as_user(pages.bob):
            # The loop closes the body once nobody has it any more: Django does not.
            await chunks.aclose()
            del chunks, response
            await asyncio.wait_for(closed(), timeout=10)
            return first, await sync_to_async(titles)()

    assert asyncio.run(ask()) == (b"['acmes']", ["bolts"])
    assert left == [["closed", "acmes"]]


async def closed():
    while not left:
        gc.collect()
        await asyncio.sleep(0.01)


# Threads


def test_a_thread_begins_without_a_context(office):
    with as_user(office.ann), ThreadPoolExecutor(1) as executor:
        error = executor.submit(closing(titles)).exception()

    assert isinstance(error, PermissionDenied)
    assert "without a context" in str(error)


def test_in_context_takes_the_context_along_to_many_threads_at_once(office):
    barrier = threading.Barrier(4, timeout=10)

    def meet(number):
        barrier.wait()
        return closing(both)()

    with ThreadPoolExecutor(4) as executor:
        with as_user(office.ann):
            anns = in_context(meet)
        with as_user(office.bob):
            bobs = in_context(meet)
        seen = [executor.submit(work, 1) for work in (anns, anns, bobs, bobs)]

    assert [one.result() for one in seen] == [ACMES, ACMES, BOLTS, BOLTS]


def test_in_context_may_be_mapped(office):
    with as_user(office.ann), ThreadPoolExecutor(2) as executor:
        seen = list(executor.map(in_context(lambda number: (number, closing(both)())), range(4)))

    assert seen == [(number, ACMES) for number in range(4)]


def test_what_a_thread_enters_stays_in_it(office):
    def enter():
        as_user(office.bob).__enter__()
        return str(current_context())

    with as_user(office.ann), ThreadPoolExecutor(1) as executor:
        work = in_context(enter)
        there = executor.submit(work).result()
        again = executor.submit(in_context(lambda: str(current_context()))).result()
        here = str(current_context())

    assert there == f"user {office.bob.pk} in tenant {office.bolt.pk}"
    assert again == here == f"user {office.ann.pk} in tenant {office.acme.pk}"


def test_in_context_carries_other_variables_too():
    variable = contextvars.ContextVar("tests_variable", default="none")
    variable.set("here")

    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(in_context(variable.get)).result() == "here"


def test_without_a_context_a_thread_has_none():
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(in_context(current_context)).result() is None


def generator():
    yield


async def coroutine():
    """Does nothing."""


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (generator, "generator.. is a generator"),
        (coroutine, "coroutine.. is a coroutine function"),
        (type("Work", (), {}), "Work is a class"),
        ("work", "'work' cannot be called"),
    ],
)
def test_in_context_refuses_what_runs_later(function, says):
    with pytest.raises(TypeError, match=says):
        in_context(function)


# Decorators refuse what would run outside of them


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (type("View", (), {}), r"View is a class: .*method_decorator"),
        (classmethod(titles), "below @classmethod"),
        (property(titles), "cannot be called"),
    ],
)
def test_a_decorator_refuses_what_is_no_function(function, says):
    with pytest.raises(TypeError, match=says):
        as_system(reason="test")(function)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda: coroutine(), r"lambda.*a coroutine\. Decorate .* async def"),
        (lambda: generator(), "a generator. Collect the rows"),
        (lambda: (one for one in "ab"), "a generator"),
    ],
)
def test_a_decorated_function_may_not_leave_its_work_for_later(function, says):
    decorated = as_system(reason="test")(function)

    with pytest.raises(TypeError, match=says):
        decorated()
    assert current_context() is None


def test_a_queryset_that_a_decorated_function_returns_is_nobodys_afterwards(office):
    lazy = as_user(office.ann)(Document.objects.all)

    with pytest.raises(PermissionDenied, match="without a context"):
        list(lazy())


# Inside an open transaction


def test_after_a_savepoint_is_rolled_back_the_context_is_the_one_that_is_entered(office):
    with transaction.atomic(), as_user(office.ann):
        with contextlib.suppress(KeyError), transaction.atomic(), as_user(office.bob):
            inner = both()
            raise KeyError
        after = both()
        with contextlib.suppress(KeyError), as_user(office.bob), transaction.atomic():
            raise KeyError
        again = both()

    assert (inner, after, again) == (BOLTS, ACMES, ACMES)


def test_entering_right_after_a_savepoint_is_rolled_back(office):
    with transaction.atomic(), as_user(office.ann):
        before = both()
        with contextlib.suppress(KeyError), transaction.atomic():
            titles()
            raise KeyError
        with as_user(office.bob):
            inside = both()

        assert (before, inside, both()) == (ACMES, BOLTS, ACMES)


def test_a_failed_statement_in_a_savepoint_leaves_the_context(office):
    with transaction.atomic(), as_user(office.ann):
        with pytest.raises(PermissionDenied), transaction.atomic(), as_tenant(office.bolt):
            Document.objects.update(tenant=office.acme)

        assert both() == ACMES


def test_async_contexts_nest_in_sync_ones_in_a_transaction(office):
    async def ask():
        async with as_user(office.bob):
            inner = await sync_to_async(both)()
        return inner, await sync_to_async(both)()

    @sync_to_async
    def sync_part():
        with transaction.atomic(), as_user(office.ann):
            seen = both()
        return seen

    async def run():
        async with as_user(office.ann):
            return await ask(), await sync_part()

    assert asyncio.run(run()) == ((BOLTS, ACMES), ACMES)


def test_a_task_that_is_cancelled_inside_a_transaction_leaves_nothing(office):
    async def work(started):
        async with as_user(office.bob):
            await sync_to_async(titles)()
            started.set()
            await asyncio.sleep(10)

    async def run():
        async with as_user(office.ann):
            started = asyncio.Event()
            task = asyncio.create_task(work(started))
            await started.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return task.cancelled(), await sync_to_async(both)()

    assert asyncio.run(run()) == (True, ACMES)
    with pytest.raises(PermissionDenied, match="without a context"):
        titles()


def test_an_exit_stack_leaves_in_its_own_order(office):
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_user(office.ann))
        stack.enter_context(as_tenant(office.bolt))
        inner = both()
        stack.pop_all().close()
        after = current_context()

    assert (inner, after) == (BOLTS, None)


# Somewhere else


CONTEXTS = {
    "user": lambda office: as_user(office.ann),
    "tenant": lambda office: as_user(office.ann, tenant=office.bolt),
    "anonymous": lambda office: as_user(AnonymousUser(), tenant=office.acme),
    "role": lambda office: as_role("clerk", tenant=office.bolt),
    "system": lambda office: as_system(reason="nightly invoices"),
    "settings": lambda office: as_user(office.ann, settings={"region": "é; '\""}),
}


@pytest.mark.parametrize("kind", CONTEXTS)
def test_a_context_goes_through_json_and_is_the_same(office, kind):
    with CONTEXTS[kind](office):
        context = current_context()
    sent = json.dumps(context.to_dict())

    restored = Context.from_dict(json.loads(sent))

    with as_context(restored) as entered, CONTEXTS[kind](office) as expected:
        assert entered == expected


def test_what_a_context_is_as_a_dict(office):
    with as_user(office.ann, settings={"region": "north"}):
        user = current_context().to_dict()
    with as_system(reason="nightly invoices"):
        system = current_context().to_dict()

    assert user == {
        "version": 1,
        "asker": "user",
        "user": str(office.ann.pk),
        "tenant": str(office.acme.pk),
        "settings": {"region": "north"},
    }
    assert system == {"version": 1, "asker": "system", "reason": "nightly invoices"}


def test_a_restored_context_sees_what_the_first_saw(office):
    with as_user(office.ann):
        sent = current_context().to_dict()

    with as_context(Context.from_dict(sent)):
        seen = both()

    assert seen == ACMES


def test_a_restored_context_is_asked_anew(office):
    with as_user(office.ann):
        sent = current_context().to_dict()
    User.objects.using("owner").filter(pk=office.ann.pk).update(is_active=False)

    with as_context(Context.from_dict(sent)):
        role = whoever()

    assert role == f"{PROJECT}_anonymous"


def test_a_restored_context_of_a_user_that_is_gone_is_nobody(office):
    with as_user(office.ann):
        sent = current_context().to_dict()
    User.objects.using("owner").filter(pk=office.ann.pk).delete()

    with as_context(Context.from_dict(sent)):
        seen = whoever(), both()

    assert seen == (f"{PROJECT}_anonymous", ([], []))


def test_as_context_may_be_given_what_is_in_force_here(office):
    with as_user(office.ann):
        here = as_context(current_context())

    with as_system(reason="test"), here:
        assert both() == ACMES


def test_no_context_is_not_sent():
    with pytest.raises(NoContext, match=r"as_context\(None\).*no context.*as_user"):
        as_context(current_context())


def test_as_context_takes_a_context():
    with pytest.raises(TypeError, match=r"takes a Context"):
        as_context({"version": 1})


USER = {"version": 1, "asker": "user", "user": "1"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "version None cannot be read"),
        ("user", "version 'user' cannot be read"),
        (USER | {"version": 2}, "version 2 cannot be read: this rls_perms knows version 1"),
        (USER | {"asker": "root"}, "is no context"),
        (USER | {"asker": ["user"]}, "is no context"),
        (USER | {"user": 1}, "is no context"),
        (USER | {"is_superuser": "t"}, "is no context"),
        (USER | {"settings": {"a": 1}}, "is no context"),
        (USER | {"settings": [["a", "b"]]}, "is no context"),
        (USER | {"role": "manager"}, "'user' comes with 'user' and nothing else"),
        ({"version": 1, "asker": "user"}, "'user' comes with 'user' and nothing else"),
        ({"version": 1, "asker": "role"}, "'role' comes with 'role'"),
        ({"version": 1, "asker": "system"}, "'system' comes with 'reason'"),
        ({"version": 1, "asker": "anonymous", "user": "1"}, "'anonymous' comes with 'nobody'"),
    ],
)
def test_what_is_no_context_is_refused(data, says):
    with pytest.raises(InvalidContext, match=says):
        Context.from_dict(data)


@pytest.mark.parametrize("name", ["user_id", "tenant_id", "a.b", "role", "New"])
def test_a_restored_context_sets_no_other_parameter(office, name):
    context = Context.from_dict(USER | {"settings": {name: "1"}})
    refused = name != "role"

    with contextlib.ExitStack() as stack:
        if refused:
            stack.enter_context(pytest.raises(ConfigurationError, match="names a value"))
        entered = stack.enter_context(as_context(context))

        # "rls_perms.role" is a value like any other: it is not the parameter "role".
        assert ("rls_perms.role", "1") in entered.settings


def test_a_superusers_role_may_be_named_in_one_tenant(office):
    with as_role("superuser", tenant=office.acme):
        acmes = both()
    with as_role("superuser"):
        none = both()

    assert (acmes, none) == (ACMES, ([], []))


# Seals


def test_a_seal_opens_for_its_purpose_alone():
    context = Context.from_dict({"version": 1, "asker": "role", "role": "clerk", "tenant": "1"})

    sealed = seal(context, purpose="job 1")

    assert unseal(sealed, purpose="job 1") == context
    with pytest.raises(InvalidContext, match="'job 2' was not sealed for it"):
        unseal(sealed, purpose="job 2")


def test_a_seal_survives_a_change_of_the_key_that_keeps_the_old_one():
    context = Context.from_dict({"version": 1, "asker": "anonymous"})
    sealed = seal(context, purpose="job")

    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["tests only"]):
        kept = unseal(sealed, purpose="job")
    with override_settings(SECRET_KEY="new"), pytest.raises(InvalidContext, match="FALLBACKS"):
        unseal(sealed, purpose="job")

    assert kept == context


def test_there_is_nothing_to_seal_without_a_context():
    with pytest.raises(NoContext, match="no context to seal for 'job'"):
        seal(current_context(), purpose="job")
