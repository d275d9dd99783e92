"""
Requests cost no message more than with Django's own backend, and one less in a transaction.

Counted on the wire, in libpq's trace. Features A11, B4 and B13; test_transport.py counts what
single statements cost.
"""

from collections.abc import Callable, Iterator

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connections, transaction
from django.test import AsyncClient, Client, override_settings

from rls_perms import as_system, as_tenant, as_user
from tests import people
from tests.office.models import Document
from tests.wire import round_trips

LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"
ACTIONS = ("view", "add", "change", "delete")


@pytest.fixture
def ann(db):
    """A clerk in a tenant with two documents."""
    clerks = people.group("Clerks", *(f"office.{one}_document" for one in ACTIONS))
    tenant = people.tenant("acme")
    for title in ("one", "two"):
        people.make(Document(tenant=tenant, title=title))
    made = people.user("ann", tenant=tenant, groups=[clerks])
    people.sync()
    return made


@pytest.fixture
def stock(ann) -> Iterator[Callable[[], None]]:
    """
    Make the alias ``default`` one of Django's own backend, on the same database.

    Django's own middleware then asks for the user, as any site does whose rows depend on one.
    """
    ours = connections["default"]
    owner = connections.settings["owner"]
    connections.settings["stock"] = {**owner, "ENGINE": "django.db.backends.postgresql"}
    theirs = connections["stock"]
    theirs.alias = "default"
    ours_alone = "rls_perms.middleware.SetRoleMiddleware"
    middleware = [LOGIN if one == ours_alone else one for one in settings.MIDDLEWARE]
    switched = override_settings(MIDDLEWARE=middleware)

    def use() -> None:
        connections["default"] = theirs
        switched.enable()

    yield use
    switched.disable()
    connections["default"] = ours
    theirs.close()
    del connections["stock"]
    del connections.settings["stock"]


def logged_in(client, user):
    client.force_login(user)
    return client.cookies


def got(user, path):
    """A whole request, to the end of its body."""
    cookies = logged_in(Client(), user)

    def run():
        client = Client()
        client.cookies = cookies
        return client.get(path).getvalue()

    return run


def got_async(user, path):
    """The same with the asynchronous handler, whose database work is done in this thread."""
    cookies = logged_in(AsyncClient(), user)

    async def answer():
        client = AsyncClient()
        client.cookies = cookies
        response = await client.get(path)
        if not response.streaming:
            return response.content
        return b"".join([chunk async for chunk in response.streaming_content])

    return lambda: async_to_sync(answer)()


def costs(run):
    """The round trips of *run*, and what it returned."""
    with round_trips() as wire:
        answer = run()
    return wire.count, answer


PAGES = ["/documents/", "/template/", "/late-template/", "/stream/"]
ASYNC_PAGES = ["/async/documents/", "/async/stream/", "/documents/", "/late-template/"]
REQUESTS = [(got, path) for path in PAGES] + [(got_async, path) for path in ASYNC_PAGES]
each_request = pytest.mark.parametrize(
    ("get", "path"), REQUESTS, ids=[f"{get.__name__} {path}" for get, path in REQUESTS]
)


@each_request
def test_a_request_takes_as_many_round_trips_as_with_django(ann, stock, get, path):
    run = get(ann, path)
    ours, answer = costs(run)
    stock()
    theirs, _ = costs(run)

    assert answer
    assert ours == theirs


@pytest.mark.parametrize("path", ["/documents/", "/template/"])
def test_a_request_that_is_a_transaction_takes_one_round_trip_less(ann, stock, monkeypatch, path):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    run = got(ann, path)
    ours, answer = costs(run)
    stock()
    theirs, _ = costs(run)

    assert answer
    assert ours == theirs - 1


def test_a_stream_whose_view_is_a_transaction_takes_as_many_round_trips(ann, stock, monkeypatch):
    """The body is read after it, so the transaction is empty, and is never begun."""
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    run = got(ann, "/stream/")
    ours, _ = costs(run)
    stock()
    theirs, _ = costs(run)

    assert ours == theirs


def titles():
    return [one.title for one in Document.objects.order_by("title")]


def commits_with_callback():
    found = []
    with transaction.atomic():
        titles()
        transaction.on_commit(lambda: found.extend(titles()))
    return found


def test_callbacks_after_a_commit_cost_one_round_trip_for_each_statement(ann, stock):
    with as_user(ann):
        ours, answer = costs(commits_with_callback)
    stock()
    theirs, _ = costs(commits_with_callback)

    assert answer == ["one", "two"]
    assert ours == theirs - 1


def rolls_back():
    with transaction.atomic():
        titles()
        transaction.set_rollback(True)


def test_a_rollback_costs_no_more_than_a_commit(ann, stock):
    with as_user(ann):
        ours, _ = costs(rolls_back)
    stock()
    theirs, _ = costs(rolls_back)

    assert ours == theirs - 1


def nests(user):
    """Four contexts, by turns."""

    def run():
        with as_user(user):
            titles()
            with as_tenant(user.tenant):
                titles()
            with as_system(reason="a test"):
                titles()
            titles()

    return run


def nests_in_a_transaction(user):
    def run():
        with transaction.atomic():
            nests(user)()

    return run


@pytest.mark.parametrize(("make", "saved"), [(nests, 0), (nests_in_a_transaction, 1)])
def test_contexts_inside_of_contexts_cost_no_round_trip(ann, stock, make, saved):
    run = make(ann)
    ours, _ = costs(run)
    stock()
    theirs, _ = costs(run)

    assert ours == theirs - saved


def copies():
    query = "COPY (SELECT title FROM office_document) TO STDOUT"
    with connections["default"].cursor() as cursor, cursor.copy(query) as copy:
        return list(copy.rows())


def executes_many():
    with connections["default"].cursor() as cursor:
        cursor.executemany("INSERT INTO office_room (name) VALUES (%s)", [["a"], ["b"]])


@pytest.mark.parametrize("run", [copies, executes_many])
def test_what_cannot_share_a_message_gets_a_transaction_of_its_own(ann, stock, run):
    """BEGIN with the context, and COMMIT."""
    with as_user(ann):
        ours, _ = costs(run)
    stock()
    theirs, _ = costs(run)

    assert ours == theirs + 2


def test_a_pool_costs_no_round_trip(ann):
    with as_user(ann):
        with round_trips("pooled") as alone:
            list(Document.objects.using("pooled"))
        with round_trips("pooled") as together, transaction.atomic("pooled"):
            list(Document.objects.using("pooled"))
    connections["pooled"].close()
    connections["pooled"].close_pool()

    assert (alone.count, together.count) == (1, 2)
