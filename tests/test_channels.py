"""Consumers of Channels run each message as the user of their connection."""

import asyncio
import json

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import override_settings

from rls_perms import PermissionDenied, as_system, current_context
from rls_perms.contrib.channels import ContextConsumerMixin
from rls_perms.exceptions import ConfigurationError
from tests import people
from tests.office.models import Document, User
from tests.settings import PROJECT, RLS_PERMS

pytestmark = pytest.mark.slow

LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


class WebsocketCommunicator(ApplicationCommunicator):
    """A browser. Channels' own class of that name needs daphne to be imported."""

    def __init__(self, application, path):
        scope = {"type": "websocket", "path": path, "query_string": b"", "headers": []}
        super().__init__(application, scope)

    async def connect(self):
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(timeout=10))["type"] == "websocket.accept"

    async def send_json_to(self, data):
        await self.send_input({"type": "websocket.receive", "text": json.dumps(data)})

    async def receive_json_from(self):
        return json.loads((await self.receive_output(timeout=10))["text"])

    async def disconnect(self):
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(timeout=10)


class Office:
    def __init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        self.clerks = people.group("Clerks", "office.view_document")
        self.ann = people.user("ann", tenant=self.acme, groups=[self.clerks])
        self.bob = people.user("bob", tenant=self.bolt, groups=[self.clerks])
        people.make(Document(tenant=self.acme, title="acmes"))
        people.make(Document(tenant=self.bolt, title="bolts"))
        people.sync()


@pytest.fixture
def office(db):
    with override_settings(CHANNEL_LAYERS=LAYERS):
        yield Office()


def titles():
    """What is seen by the ORM and by raw SQL, and the role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text, array_agg(title ORDER BY title) FROM"
                       " office_document")  # fmt: skip
        role, raw = cursor.fetchone()
    seen = sorted(Document.objects.values_list("title", flat=True))
    assert seen == (raw or [])
    return {"role": role.removeprefix(f"{PROJECT}_"), "titles": seen}


class Asynchronous(ContextConsumerMixin, AsyncJsonWebsocketConsumer):
    groups = ("everybody",)

    async def receive_json(self, content):
        if "become" in content:
            self.scope["user"] = await User.objects.aget(username=content["become"])
        if "fail" in content:
            raise KeyError("a message")
        if "elevate" in content:
            async with as_system(reason="test"):
                await self.send_json(await database_sync_to_async(titles)())
        await self.send_json(await database_sync_to_async(titles)())

    async def news(self, message):
        await self.send_json({"news": await database_sync_to_async(titles)()})


class Synchronous(ContextConsumerMixin, JsonWebsocketConsumer):
    groups = ("everybody",)

    def receive_json(self, content):
        if "become" in content:
            self.scope["user"] = User.objects.get(username=content["become"])
        if "elevate" in content:
            with as_system(reason="test"):
                self.send_json(titles())
        self.send_json(titles())

    def news(self, message):
        self.send_json({"news": titles()})


BOTH = pytest.mark.parametrize("consumer", [Asynchronous, Synchronous])
ACMES = {"role": "clerk", "titles": ["acmes"]}
BOLTS = {"role": "clerk", "titles": ["bolts"]}


async def opened(consumer, user, **scope):
    communicator = WebsocketCommunicator(consumer.as_asgi(), "/documents/")
    communicator.scope |= {"user": user, **scope}
    assert await communicator.connect()
    return communicator


async def asked(communicator, **content):
    await communicator.send_json_to(content)
    return await communicator.receive_json_from()


async def ended_by(communicator, **content):
    """Send a message that ends the consumer by an error, which is raised."""
    await communicator.send_json_to(content)
    await communicator.wait(timeout=10)


@BOTH
def test_each_connection_runs_as_its_user(office, consumer):
    async def run():
        ann, bob = await opened(consumer, office.ann), await opened(consumer, office.bob)
        answers = [await asked(one) for one in (ann, bob, ann, bob)]
        await ann.disconnect()
        await bob.disconnect()
        return answers, current_context()

    assert asyncio.run(run()) == ([ACMES, BOLTS, ACMES, BOLTS], None)


@BOTH
def test_connections_that_ask_at_once_do_not_meet(office, consumer):
    async def run():
        users = [office.ann, office.bob] * 5
        all_of_them = [await opened(consumer, user) for user in users]
        answers = await asyncio.gather(*map(asked, all_of_them))
        for one in all_of_them:
            await one.disconnect()
        return answers

    assert asyncio.run(run()) == [ACMES, BOLTS] * 5


@BOTH
def test_a_message_of_the_channel_layer_is_handled_as_the_user_of_the_connection(office, consumer):
    async def run():
        ann, bob = await opened(consumer, office.ann), await opened(consumer, office.bob)
        async with as_system(reason="who sends does not count"):
            await get_channel_layer().group_send("everybody", {"type": "news"})
        answers = [await one.receive_json_from() for one in (ann, bob)]
        await ann.disconnect()
        await bob.disconnect()
        return answers

    assert asyncio.run(run()) == [{"news": ACMES}, {"news": BOLTS}]


@BOTH
def test_a_connection_of_nobody_is_anonymous(office, consumer):
    async def run():
        nobody = await opened(consumer, AnonymousUser())
        answer = await asked(nobody)
        await nobody.disconnect()
        return answer

    assert asyncio.run(run()) == {"role": "anonymous", "titles": []}


@BOTH
def test_a_group_that_is_taken_away_counts_from_the_next_message(office, consumer):
    memberships = User.groups.through.objects.using("owner")

    async def run():
        ann = await opened(consumer, office.ann)
        before = await asked(ann)
        await memberships.filter(user=office.ann).adelete()
        after = await asked(ann)
        await User.objects.using("owner").filter(pk=office.ann.pk).aupdate(is_active=False)
        inactive = await asked(ann)
        await ann.disconnect()
        return before, after, inactive

    before, after, inactive = asyncio.run(run())
    assert before == ACMES
    assert after == {"role": "everyone", "titles": []}
    assert inactive == {"role": "anonymous", "titles": []}


@BOTH
def test_a_user_who_signs_in_counts_from_the_next_statement(office, consumer):
    async def run():
        nobody = await opened(consumer, AnonymousUser())
        answers = [await asked(nobody), await asked(nobody, become="bob"), await asked(nobody)]
        await nobody.disconnect()
        return answers

    assert asyncio.run(run()) == [{"role": "anonymous", "titles": []}, BOLTS, BOLTS]


@BOTH
def test_a_handler_may_enter_another_context(office, consumer):
    async def run():
        ann = await opened(consumer, office.ann)
        elevated = await asked(ann, elevate=True)
        after = await ann.receive_json_from()
        await ann.disconnect()
        return elevated, after

    assert asyncio.run(run()) == ({"role": "system", "titles": ["acmes", "bolts"]}, ACMES)


def test_an_error_of_a_handler_leaves_nothing(office):
    async def run():
        ann = await opened(Asynchronous, office.ann)
        with pytest.raises(KeyError):
            await ended_by(ann, fail=True)
        return current_context()

    assert asyncio.run(run()) is None


def test_a_consumer_without_the_mixin_is_the_bare_login(office):
    class Plain(AsyncJsonWebsocketConsumer):
        receive_json = Asynchronous.receive_json

    async def run():
        ann = await opened(Plain, office.ann)
        with pytest.raises(PermissionDenied, match="without a context"):
            await ended_by(ann)

    asyncio.run(run())


def test_a_scope_without_a_user_is_told_what_to_wrap(office):
    async def run():
        communicator = WebsocketCommunicator(Asynchronous.as_asgi(), "/documents/")
        await communicator.connect()
        with pytest.raises(ConfigurationError, match=r"no 'user'.*AuthMiddlewareStack"):
            await ended_by(communicator)

    asyncio.run(run())


def test_a_message_without_statements_asks_nobody(office):
    class Still(ContextConsumerMixin, AsyncJsonWebsocketConsumer):
        async def receive_json(self, content):
            await self.send_json({"still": True})

    async def run():
        communicator = WebsocketCommunicator(Still.as_asgi(), "/documents/")
        await communicator.connect()
        answer = await asked(communicator)
        await communicator.disconnect()
        return answer

    assert asyncio.run(run()) == {"still": True}


# What settings name is called with the handshake


def by_host(request):
    """A resolver: the tenant of the host's first label."""
    from tests.office.models import Tenant

    return Tenant.objects.get(name=request.get_host().partition(".")[0])


def from_address(request):
    return {"region": request.GET["region"], "path": request.path}


@BOTH
def test_a_resolver_is_asked_with_the_handshake(office, consumer):
    settings = {**RLS_PERMS, "TENANT_RESOLVER": "tests.test_channels.by_host"}

    async def ask(host):
        ann = await opened(consumer, office.ann, headers=[(b"host", host)])
        try:
            return await asked(ann)
        finally:
            await ann.disconnect()

    async def refused():
        ann = await opened(consumer, office.ann, headers=[(b"host", b"bolt.example.com")])
        with pytest.raises(PermissionDenied, match="does not belong"):
            await ended_by(ann)

    with override_settings(RLS_PERMS=settings):
        assert asyncio.run(ask(b"acme.example.com")) == ACMES
        asyncio.run(refused())


def test_context_processors_are_asked_with_the_handshake(office):
    class Telling(ContextConsumerMixin, AsyncJsonWebsocketConsumer):
        async def receive_json(self, content):
            context = await database_sync_to_async(current_context)()
            await self.send_json(context.to_dict()["settings"])

    settings = {**RLS_PERMS, "CONTEXT_PROCESSORS": ["tests.test_channels.from_address"]}

    async def run():
        ann = await opened(Telling, office.ann, query_string=b"region=north")
        answer = await asked(ann)
        await ann.disconnect()
        return answer

    with override_settings(RLS_PERMS=settings):
        assert asyncio.run(run()) == {"region": "north", "path": "/documents/"}


def test_a_consumer_without_an_address_has_a_user_too(office):
    class Job(ContextConsumerMixin, AsyncConsumer):
        async def do(self, message):
            await self.send({"type": "done", **await database_sync_to_async(titles)()})

    async def run():
        job = ApplicationCommunicator(Job.as_asgi(), {"type": "job", "user": office.ann})
        await job.send_input({"type": "do"})
        return await job.receive_output(timeout=10)

    assert asyncio.run(run()) == {"type": "done", **ACMES}
