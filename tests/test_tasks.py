"""Tasks of Django's own framework run as whoever enqueued them (PARITY A25)."""

import asyncio
import builtins
import importlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import django
import pytest
from django.db import connection, connections
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from rls_perms import InvalidContext, NoContext, as_system, as_user, current_context
from tests import people
from tests.office.models import Document

AVAILABLE = django.VERSION >= (6, 0)
needs_tasks = pytest.mark.skipif(not AVAILABLE, reason="Django 5.2 has no django.tasks")

if AVAILABLE:
    from django.tasks import TaskResultStatus, task
    from django.tasks.backends.immediate import ImmediateBackend
    from django.tasks.exceptions import InvalidTask
    from django.utils.module_loading import import_string

    from rls_perms.contrib.tasks import KEYWORD, ContextBackendMixin, ContextTask

    class Queue(ContextBackendMixin, ImmediateBackend):
        """A backend with a queue of texts, as one with a table or a broker has."""

        queued = []

        def _execute_task(self, task_result):
            one = task_result
            self.queued.append(json.dumps([one.task.module_path, one.args, one.kwargs]))

    TASKS = {
        "default": {"BACKEND": "rls_perms.contrib.tasks.ContextImmediateBackend"},
        "queue": {"BACKEND": f"{__name__}.Queue"},
        "plain": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"},
    }
    with override_settings(TASKS=TASKS):

        @task
        def titles(*ignored, **named):
            with connection.cursor() as cursor:
                cursor.execute("SELECT title FROM office_document ORDER BY title")
                raw = [title for (title,) in cursor.fetchall()]
            return [raw, sorted(Document.objects.values_list("title", flat=True))]

        @task(takes_context=True)
        def attempts(context, number):
            return [context.attempt, number, str(current_context())]

        @task
        def who():
            return str(current_context())

        @task
        async def later():
            return [one.title async for one in Document.objects.order_by("title")]

        @task(backend="plain")
        def plain():
            return str(current_context())


@pytest.fixture
def office(db):
    with override_settings(TASKS=TASKS if AVAILABLE else {}):
        yield Office()


class Office:
    def __init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        clerks = people.group("Clerks", "office.view_document")
        self.ann = people.user("ann", tenant=self.acme, groups=[clerks])
        people.make(Document(tenant=self.acme, title="acmes"))
        people.make(Document(tenant=self.bolt, title="bolts"))
        people.sync()
        if AVAILABLE:
            Queue.queued.clear()


def work(message, call="call"):
    """What a worker does with a message: in a thread without a context, by the task's path."""
    path, args, kwargs = json.loads(message)

    def run():
        try:
            one = import_string(path)
            if call == "acall":
                return asyncio.run(one.acall(*args, **kwargs))
            return one.call(*args, **kwargs)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as worker:
        return worker.submit(run).result()


ACMES = [["acmes"]] * 2


@needs_tasks
def test_a_task_runs_as_who_enqueued_it(office):
    with as_user(office.ann):
        titles.using(backend="queue").enqueue(1, of="May")

    assert work(Queue.queued[0]) == ACMES
    assert current_context() is None


@needs_tasks
def test_an_immediate_task_runs_as_who_enqueued_it_and_does_not_see_the_context(office):
    with as_user(office.ann):
        result = titles.enqueue(1, of="May")
        taking = attempts.enqueue(7)

    assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, ACMES)
    assert taking.return_value == [1, 7, f"user {office.ann.pk} in tenant {office.acme.pk}"]


@needs_tasks
def test_a_task_that_takes_djangos_context_runs_in_ours(office):
    with as_user(office.ann):
        attempts.using(backend="queue").enqueue(7)
    _, args, kwargs = json.loads(Queue.queued[0])

    class Attempt:
        attempt = 3

    seen = attempts.call(Attempt, *args, **kwargs)

    assert seen == [3, 7, f"user {office.ann.pk} in tenant {office.acme.pk}"]


@needs_tasks
@pytest.mark.parametrize("call", ["call", "acall"])
def test_an_async_task_runs_as_who_enqueued_it(office, call):
    async def enqueue():
        async with as_user(office.ann):
            await later.using(backend="queue").aenqueue()

    asyncio.run(enqueue())

    assert work(Queue.queued[0], call) == ["acmes"]


@needs_tasks
def test_the_system_goes_with_its_reason_and_is_told_again(office, caplog):
    with caplog.at_level("INFO", "rls_perms.audit"):
        with as_system(reason="invoices of May"):
            titles.using(backend="queue").enqueue()
        seen = work(Queue.queued[0])

    events = [one.reason for one in caplog.records if one.name == "rls_perms.audit"]
    assert seen == [["acmes", "bolts"]] * 2
    assert events == ["invoices of May"] * 2


@needs_tasks
def test_enqueueing_without_a_context_is_refused(office):
    with pytest.raises(NoContext, match="no context to seal"):
        titles.enqueue()
    with pytest.raises(NoContext):
        titles.using(backend="queue").enqueue()

    assert Queue.queued == []


@needs_tasks
def test_a_message_without_a_context_is_not_run(office):
    message = json.dumps([f"{__name__}.titles", [], {}])

    with pytest.raises(NoContext, match=r"tests.test_tasks.titles came without a context"):
        work(message)


@needs_tasks
@pytest.mark.parametrize("change", [
    lambda path, args, kwargs: [path, [*args, 2], kwargs],
    lambda path, args, kwargs: [path, args, {**kwargs, "of": "June"}],
    lambda path, args, kwargs: [f"{__name__}.attempts", args, kwargs],
    lambda path, args, kwargs: [path, args, {**kwargs, KEYWORD: kwargs[KEYWORD][:-1] + "_"}],
    lambda path, args, kwargs: [path, args, {**kwargs, KEYWORD: {"version": 1}}],
], ids=["arguments", "keywords", "function", "signature", "no seal"])  # fmt: skip
def test_a_message_that_was_changed_is_not_run(office, change):
    with as_user(office.ann):
        titles.using(backend="queue").enqueue(1, of="May")
    forged = json.dumps(change(*json.loads(Queue.queued[0])))

    with pytest.raises(InvalidContext):
        work(forged)


@needs_tasks
def test_a_task_that_is_called_as_a_function_runs_in_the_context_in_force(office):
    with as_user(office.ann):
        assert titles.call() == ACMES
    with pytest.raises(NoContext):
        titles.call()


@needs_tasks
def test_a_task_of_another_backend_is_refused(office):
    with pytest.raises(InvalidTask, match=r"plain was made for .*@task\(backend='queue'\)"):
        plain.using(backend="queue")


@needs_tasks
def test_the_argument_that_carries_the_context_is_nobodys(office):
    with as_user(office.ann), pytest.raises(TypeError, match="in which the context goes along"):
        titles.enqueue(**{KEYWORD: "mine"})


@needs_tasks
def test_a_task_is_of_our_class_with_other_defaults_too(office):
    other = titles.using(queue_name="default")

    assert type(titles) is type(other) is ContextTask


# Requests


def enqueueing(request):
    titles.using(backend="queue").enqueue()
    who.using(backend="queue").enqueue()
    return HttpResponse()


async def async_enqueueing(request):
    await titles.using(backend="queue").aenqueue()
    await who.using(backend="queue").aenqueue()
    return HttpResponse()


urlpatterns = [path("enqueueing/", enqueueing), path("async/enqueueing/", async_enqueueing)]


def request(client, address):
    """A request by *client*, sync or async, to the views of this module."""
    with override_settings(ROOT_URLCONF=__name__):
        answer = client.get(address)
        answer = answer if isinstance(client, Client) else asyncio.run(answer)
    assert answer.status_code == 200


@needs_tasks
@pytest.mark.parametrize(
    ("kind", "address"), [(Client, "/enqueueing/"), (AsyncClient, "/async/enqueueing/")]
)
def test_a_request_enqueues_as_its_user(office, kind, address):
    client = kind()
    client.force_login(office.ann)
    request(client, address)
    request(kind(), address)

    anns, her, visitors, nobody = Queue.queued
    assert work(anns) == ACMES
    assert work(her) == f"user {office.ann.pk} in tenant {office.acme.pk}"
    assert work(visitors) == [[], []]
    assert work(nobody) == "nobody"


def test_without_djangos_tasks_the_module_says_so(monkeypatch):
    imports = builtins.__import__

    def without(name, *args):
        if name.startswith("django.tasks"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return imports(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "rls_perms.contrib.tasks", raising=False)

    with pytest.raises(ImportError, match=r"needs Django 6\.0 or later.*contrib.celery"):
        importlib.import_module("rls_perms.contrib.tasks")
