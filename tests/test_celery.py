"""Celery's tasks run as whoever sent them (PARITY A25): a real worker on an in-memory broker."""

import base64
import json
import logging
import time
import uuid

import pytest
from celery import Celery, chain, chord, group
from celery.contrib.testing.worker import start_worker
from django.core.signing import Signer
from django.db import connection, connections, transaction
from django.http import JsonResponse
from django.test import Client, override_settings
from django.urls import path

from rls_perms import (
    InvalidContext,
    NoContext,
    PermissionDenied,
    as_role,
    as_system,
    as_tenant,
    as_user,
    current_context,
)
from rls_perms.contrib.celery import HEADER, ContextTask, context_header
from tests import people
from tests.office.models import Document, User
from tests.settings import PROJECT

pytestmark = pytest.mark.slow

app = Celery(
    "tests",
    task_cls="rls_perms.contrib.celery:ContextTask",
    broker="memory://",
    backend="cache+memory://",
    set_as_current=False,
)
app.conf.update(
    broker_transport_options={"polling_interval": 0.01},
    broker_connection_retry_on_startup=True,
    result_chord_retry_interval=0.1,
    task_store_eager_result=True,
)
#: How long a test waits for a task, in seconds.
PATIENCE = 20


def whoever():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text, rls_perms.user_id(), rls_perms.tenant_id()")
        return list(cursor.fetchone())


@app.task(name="titles")
def titles(*_):
    """What is seen by the ORM and by raw SQL."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT title FROM office_document ORDER BY title")
        raw = [title for (title,) in cursor.fetchall()]
    return [raw, sorted(Document.objects.values_list("title", flat=True))]


@app.task(name="who")
def who(*_):
    return [str(current_context()), *whoever()]


@app.task(name="collect")
def collect(results):
    return [*results, titles()]


@app.task(name="flaky", bind=True, max_retries=2)
def flaky(self, tenant):
    """Fails twice, and sends itself again in another context."""
    if self.request.retries < 2:
        with as_tenant(tenant), as_user(User.objects.get(username="bob")):
            raise self.retry(countdown=0)
    return titles()


@app.task(name="sends", bind=True)
def sends(self, tenant):
    with as_tenant(tenant):
        return [titles.delay().id, titles()]


@app.task(name="replaces", bind=True)
def replaces(self):
    return self.replace(titles.si())


@app.task(name="twice", bind=True)
def twice(self, tenant=None):
    """Calls itself as a function, in another tenant."""
    if tenant is None:
        return titles()
    with as_tenant(tenant):
        return self()


@app.task(name="reason")
def reason():
    return current_context().to_dict()


@app.task(name="nightly", context_required=False)
def nightly(elevate):
    """What beat sends: it belongs to nobody."""
    if elevate:
        with as_system(reason="nightly"):
            return titles()
    return titles()


@app.task(name="fails")
def fails():
    raise KeyError("a task")


@app.task(name="remember")
def remember(*_):
    Document.objects.filter(title="acmes").update(title=f"seen by {whoever()[1]}")


@pytest.fixture(scope="module")
def worker(deployed):
    root = logging.getLogger()
    level = root.level
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        yield
    # A worker logs in its own way, here in the process of every other test.
    root.setLevel(level)
    connections.close_all()


@pytest.fixture
def office(db, worker):
    return Office()


@pytest.fixture
def eager(db):
    app.conf.task_always_eager = True
    yield Office()
    app.conf.task_always_eager = False


class Office:
    def __init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        clerks = people.group("Clerks", "office.view_document", "office.change_document")
        self.ann = people.user("ann", tenant=self.acme, groups=[clerks])
        self.bob = people.user("bob", tenant=self.bolt, groups=[clerks])
        people.make(Document(tenant=self.acme, title="acmes"))
        people.make(Document(tenant=self.bolt, title="bolts"))
        people.sync()


ACMES = [["acmes"]] * 2
BOLTS = [["bolts"]] * 2
ALL = [["acmes", "bolts"]] * 2


def got(result):
    return result.get(timeout=PATIENCE)


# As whom


def test_a_task_runs_as_the_user_who_sent_it(office):
    with as_user(office.ann):
        anns, who_ann = titles.delay(), who.delay()
    with as_user(office.bob):
        bobs = titles.apply_async()

    assert (got(anns), got(bobs)) == (ACMES, BOLTS)
    assert got(who_ann) == [
        f"user {office.ann.pk} in tenant {office.acme.pk}",
        f"{PROJECT}_clerk",
        office.ann.pk,
        office.acme.pk,
    ]


def sending(request):
    return JsonResponse({"sent": [titles.delay().id, who.delay().id]})


urlpatterns = [path("sending/", sending)]


@override_settings(ROOT_URLCONF=__name__)
def test_a_task_runs_as_the_user_of_the_request_that_sent_it(office):
    client = Client()
    client.force_login(office.ann)

    (anns, her), (visitors, nobody) = (
        [got(app.AsyncResult(one)) for one in asking.get("/sending/").json()["sent"]]
        for asking in (client, Client())
    )

    assert anns == ACMES
    assert her == [
        f"user {office.ann.pk} in tenant {office.acme.pk}",
        f"{PROJECT}_clerk",
        office.ann.pk,
        office.acme.pk,
    ]
    assert visitors == [[], []]
    assert nobody[:2] == ["nobody", f"{PROJECT}_anonymous"]


def test_a_task_runs_in_the_tenant_and_as_the_role_of_its_context(office):
    with as_user(office.ann), as_tenant(office.bolt):
        elsewhere = titles.delay()
    with as_role("clerk", tenant=office.acme):
        role = who.delay()

    assert got(elsewhere) == BOLTS
    assert got(role) == [
        f"role clerk in tenant {office.acme.pk}", f"{PROJECT}_clerk", None, office.acme.pk
    ]  # fmt: skip


def test_values_for_policies_go_along(office):
    with as_user(office.ann, settings={"region": "north"}):
        sent = reason.delay()

    assert got(sent)["settings"] == {"region": "north"}


def test_the_system_goes_with_its_reason_and_is_told_again(office, caplog):
    with caplog.at_level("INFO", "rls_perms.audit"), as_system(reason="invoices of May"):
        seen, said = titles.delay(), reason.delay()
        result = got(seen), got(said)["reason"]

    events = [one.reason for one in caplog.records if one.name == "rls_perms.audit"]
    assert result == (ALL, "invoices of May")
    assert events == ["invoices of May"] * 3


def test_the_role_is_asked_anew_when_the_task_runs(office):
    sent_by = people.user("leaver", tenant=office.acme, groups=office.ann.groups.all())
    people.sync()

    with as_user(sent_by):
        header = context_header("who", "1")
    sent_by.groups.through.objects.using("owner").filter(user=sent_by).delete()
    left = app.send_task("who", task_id="1", headers=header)

    assert got(left)[1] == f"{PROJECT}_everyone"


def test_nothing_is_left_for_the_next_task(office):
    with as_user(office.ann):
        first = got(titles.delay())
    with pytest.raises(PermissionDenied):
        got(nightly.delay(False))
    with as_user(office.ann):
        failed = fails.delay()
    with pytest.raises(KeyError):
        got(failed)

    with pytest.raises(PermissionDenied):
        got(nightly.delay(False))
    assert first == ACMES


def test_what_is_sent_on_commit_runs_as_who_sent_it(office):
    with as_system(reason="import"), transaction.atomic(), as_user(office.ann):
        titles.apply_async_on_commit(task_id="on-commit")
        titles.delay_on_commit()

    assert got(app.AsyncResult("on-commit")) == ACMES


# Without a context


def test_a_task_without_a_context_fails_and_is_not_run(office):
    with pytest.raises(NoContext, match=r"'remember' came without a context.*context_required"):
        got(remember.delay())

    assert list(Document.objects.using("owner").filter(title__startswith="seen")) == []


def test_a_task_that_is_nobodys_says_so_and_is_the_bare_login(office):
    with pytest.raises(PermissionDenied, match="without a context"):
        got(nightly.delay(False))
    assert got(nightly.delay(True)) == ALL


def test_a_task_that_needs_no_context_runs_in_the_one_that_it_got(office):
    with as_user(office.ann):
        assert got(nightly.delay(False)) == ACMES


def test_what_is_sent_by_name_takes_the_header(office):
    with as_user(office.ann):
        sent = app.send_task(
            "titles", task_id="by-name", headers=context_header("titles", "by-name")
        )
        bare = app.send_task("titles")

    assert got(sent) == ACMES
    with pytest.raises(NoContext, match=r"send_task\(\) takes headers=context_header"):
        got(bare)


def test_there_is_no_header_without_a_context():
    with pytest.raises(NoContext, match="no context to seal"):
        context_header("titles", "1")


# Canvas


def test_each_link_of_a_chain_runs_as_who_sent_it(office):
    with as_user(office.ann):
        sent = chain(who.si(), titles.si(), who.si())()

    assert got(sent)[0] == f"user {office.ann.pk} in tenant {office.acme.pk}"
    assert got(sent.parent) == ACMES


def test_each_task_of_a_group_runs_as_who_sent_it(office):
    with as_user(office.bob):
        sent = group(titles.s(), titles.s(), titles.s())()

    assert got(sent) == [BOLTS] * 3


def test_header_and_body_of_a_chord_run_as_who_sent_it(office):
    with as_user(office.ann):
        sent = chord([titles.s(), titles.s()])(collect.s())

    assert got(sent) == [ACMES] * 3


def test_a_chord_that_a_task_of_celerys_unlocks(office, monkeypatch):
    # As on a backend that cannot count: celery.chord_unlock asks again and again.
    monkeypatch.setattr(type(app.backend), "implements_incr", False)
    monkeypatch.delattr(app.backend, "apply_chord")

    with as_user(office.ann):
        sent = chord([titles.s(), titles.s()])(collect.s())

    assert got(sent) == [ACMES] * 3


def test_a_chain_with_a_group_inside(office):
    with as_user(office.ann):
        sent = chain(titles.si(), group(titles.si(), titles.si()), collect.s())()

    assert got(sent) == [ACMES] * 3


def test_callbacks_run_as_who_sent_the_task(office):
    with as_user(office.ann):
        sent = titles.apply_async(link=remember.s())
        got(sent)
    await_title(f"seen by {office.ann.pk}")


def test_errbacks_run_as_who_sent_the_task(office):
    with as_user(office.ann):
        sent = fails.apply_async(link_error=remember.si())
        with pytest.raises(KeyError):
            got(sent)
    await_title(f"seen by {office.ann.pk}")


def await_title(title):
    """The callback has been run, which nobody waits for, and changed one row."""
    until = time.monotonic() + PATIENCE
    found = Document.objects.using("owner").filter(title=title)
    while time.monotonic() < until and not found.exists():
        time.sleep(0.02)
    assert [one.tenant.name for one in found.all()] == ["acme"]


def test_a_task_that_sends_another_in_a_context_of_its_own(office):
    with as_user(office.ann):
        inner, own = got(sends.delay(office.bolt.pk))

    assert own == BOLTS
    assert got(app.AsyncResult(inner)) == BOLTS


def test_a_task_that_replaces_itself(office):
    with as_user(office.ann):
        sent = replaces.delay()

    assert got(sent) == ACMES


def test_a_retry_keeps_the_context_of_its_message(office):
    with as_user(office.ann):
        sent = flaky.delay(office.bolt.pk)

    assert got(sent) == ACMES


def test_map_and_chunks_run_in_the_context(office):
    with as_user(office.ann):
        mapped = titles.map([1, 2]).delay()
        chunked = titles.chunks([(1,), (2,)], 1).delay()

    assert got(mapped) == [ACMES] * 2
    assert got(chunked) == [[ACMES]] * 2


def test_a_task_that_is_called_as_a_function_runs_in_the_context_in_force(office):
    with as_user(office.bob):
        here = titles()
        there = got(collect.delay([]))
    with as_user(office.ann):
        inside = got(twice.delay(office.bolt.pk))

    assert (here, there, inside) == (BOLTS, [BOLTS], BOLTS)


# Eager


def test_an_eager_task_runs_as_who_sent_it(eager):
    with as_user(eager.ann):
        sent, applied = titles.delay(), titles.apply()
        linked = chain(titles.si(), who.si())()
        joined = chord([titles.s(), titles.s()])(collect.s())
        retried = flaky.delay(eager.bolt.pk)
        after = titles()

    assert got(sent) == got(applied) == got(retried) == after == ACMES
    assert got(linked)[0] == f"user {eager.ann.pk} in tenant {eager.acme.pk}"
    assert got(joined) == [ACMES] * 3


def test_an_eager_task_without_a_context_fails_as_in_a_worker(eager):
    sent, applied = titles.delay(), titles.apply()

    for result in (sent, applied):
        assert isinstance(result.result, NoContext)


def test_an_eager_task_knows_its_request(eager):
    with as_user(eager.ann):
        sent = twice.apply_async(task_id="known")

    assert sent.id == "known"
    assert got(sent) == ACMES


# Forged


def tampered(header):
    """The same header with another user's key."""
    text, _, signature = header[HEADER].rpartition(":")
    data = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    data["user"] = str(int(data["user"]) + 1)
    forged = base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")
    return {HEADER: f"{forged}:{signature}"}


FORGED = {
    "another user": lambda header: tampered(header),
    "no signature": lambda header: {HEADER: header[HEADER].partition(":")[0]},
    "another key": lambda header: {
        HEADER: Signer(key="guessed").sign_object({"version": 1, "asker": "system", "reason": "x"})
    },
    "another purpose": lambda header: {
        HEADER: Signer(salt="else").sign_object({"version": 1, "asker": "system", "reason": "x"})
    },
    "a dict": lambda header: {HEADER: {"version": 1, "asker": "system", "reason": "x"}},
    "nothing": lambda header: {HEADER: ""},
}


@pytest.mark.parametrize("how", FORGED)
def test_a_context_that_was_tampered_with_is_refused_and_nothing_is_run(office, how):
    task_id = str(uuid.uuid4())
    with as_user(office.ann):
        header = context_header("remember", task_id)

    sent = app.send_task("remember", task_id=task_id, headers=FORGED[how](header))

    with pytest.raises(InvalidContext):
        got(sent)
    assert list(Document.objects.using("owner").filter(title__startswith="seen")) == []


@pytest.mark.parametrize("other", ["another task", "another message"])
def test_a_context_of_one_message_does_not_open_another(office, other):
    with as_user(office.ann):
        header = context_header("titles", "known-1")
    name, task_id = ("remember", "known-1") if other == "another task" else ("titles", "known-2")

    sent = app.send_task(name, task_id=task_id, headers=header)

    with pytest.raises(InvalidContext, match=r"not sealed for it.*Nothing was run"):
        got(sent)


def test_the_class_is_not_a_task_itself():
    assert ContextTask.abstract
    assert "ContextTask" not in str(sorted(app.tasks))
