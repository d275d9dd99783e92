"""
A crowd of mixed users at real servers: every answer has exactly the rows of its user.

Features A11, A17 and B13: ASGI and WSGI, through PgBouncer in transaction mode, Django's pool and
persistent connections, with requests among them that fail, that are denied and whose clients go.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count, product
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from guardian.shortcuts import assign_perm

from tests import bouncer, deployments, people, servers
from tests.deployments import Deployment
from tests.office.models import Document, Room, Tenant, User
from tests.servers import Answer, Server, gunicorn, uvicorn

pytestmark = pytest.mark.slow

POOL = 8
SECONDS_TO_SETTLE = 30


@dataclass(frozen=True)
class Asker:
    """Somebody with a session, and what belongs to them."""

    role: str
    user: int | None
    tenant: int | None
    titles: list[str]
    cookie: str | None = None

    @property
    def as_json(self) -> str:
        who = [self.role, self.user, self.tenant]
        return json.dumps({"who": who, "titles": self.titles})

    @property
    def as_text(self) -> str:
        return "".join(f"{title} " for title in self.titles)

    @property
    def chunk(self) -> str:
        return " ".join([*self.titles, "/"])


@dataclass(frozen=True)
class Office:
    """A project on a database of its own, whose roles so have the names that they should have."""

    deployment: Deployment
    askers: list[Asker]
    numbers: Iterator[int] = field(default_factory=count)

    def newcomer(self) -> Asker:
        """Whose groups nobody had together: the first of their requests makes the role."""
        group = f"late{next(self.numbers)}"
        colleague = self.askers[1]
        tenant = Tenant.objects.using("owner").get(pk=colleague.tenant)
        groups = [people.group("Clerks"), people.group(group)]
        user = people.user(group, tenant=tenant, groups=groups)
        return self.asker(f"clerk_{group}", user, colleague.titles)

    def asker(self, role: str, user: Any, titles: list[str]) -> Asker:
        client = Client()
        client.force_login(user)
        cookie = client.cookies["sessionid"].value
        return Asker(self.deployment.role(role), user.pk, user.tenant_id, titles, cookie)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """Three firms with the same kinds of people, one who administers all, and nobody."""
    with deployments.empty() as deployment:
        deployments.migrate()
        clerks = people.group("Clerks", "office.view_document")
        managers = people.group("Managers", "office.view_document", "office.change_document")
        nobody = User.objects.using("owner").get(username="AnonymousUser").pk
        made = Office(deployment, [Asker(deployment.role("anonymous"), nobody, None, [])])
        everything: list[str] = []
        for firm in ("acme", "bolt", "coil"):
            tenant = people.tenant(firm)
            clerk = people.user(f"{firm}-clerk", tenant=tenant, groups=[clerks])
            both = people.user(f"{firm}-both", tenant=tenant, groups=[clerks, managers])
            owner = people.user(f"{firm}-owner", tenant=tenant)
            guest = people.user(f"{firm}-guest", tenant=tenant)
            boss = people.user(f"{firm}-boss", tenant=tenant, is_superuser=True)
            people.make(Document(tenant=tenant, title=f"{firm}-closed", closed=True))
            granted = people.make(Document(tenant=tenant, title=f"{firm}-granted"))
            people.make(Document(tenant=tenant, title=f"{firm}-owned", owner=owner))
            people.make(Document(tenant=tenant, title=f"{firm}-public", is_public=True))
            assign_perm("office.view_document", guest, granted)
            titles = [f"{firm}-{name}" for name in ("closed", "granted", "owned", "public")]
            made.askers.extend(
                made.asker(role, user, shown)
                for role, user, shown in (
                    ("clerk", clerk, titles),
                    ("clerk_manager", both, titles),
                    ("everyone", owner, titles[2:]),
                    ("everyone", guest, titles[1::2]),
                    ("superuser", boss, titles),
                )
            )
            everything += titles
        root = people.user("root", is_superuser=True)
        made.askers.append(made.asker("system", root, everything))
        deployments.sync_pg_roles()
        yield made


@dataclass(frozen=True)
class Way:
    """A server, and how it reaches PostgreSQL."""

    server: Server
    deployment: Deployment
    #: The most connections that it may have there.
    most: int

    def backends(self) -> dict[int, str]:
        """Connections of the login to PostgreSQL: process to state."""
        query = "SELECT pid, state FROM pg_stat_activity WHERE usename = %s"
        return dict(self.deployment.rows(query, self.deployment.web))

    def settled(self) -> dict[int, str]:
        """The connections, once the last request that was left alone has ended."""
        deadline = time.monotonic() + SECONDS_TO_SETTLE
        while (found := self.backends()) and set(found.values()) != {"idle"}:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found


ENGINES: dict[str, dict[str, Any]] = {
    "pool": {"OPTIONS": {"pool": {"min_size": POOL, "max_size": POOL, "timeout": 60}}},
    "persistent": {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True},
    "bouncer": {"DISABLE_SERVER_SIDE_CURSORS": True},
    "persistent to bouncer": {"DISABLE_SERVER_SIDE_CURSORS": True, "CONN_MAX_AGE": None},
    "bound on the server, to bouncer": {
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"server_side_binding": True},
    },
    "bound on the server": {"OPTIONS": {"pool": {"max_size": POOL}, "server_side_binding": True}},
}
MOST = {"persistent": servers.THREADS, "bouncer": bouncer.CONNECTIONS}
SERVED = [
    (uvicorn, "pool"),
    (uvicorn, "bound on the server"),
    (uvicorn, "bouncer"),
    (gunicorn, "pool"),
    (gunicorn, "persistent"),
    (gunicorn, "bouncer"),
    (gunicorn, "persistent to bouncer"),
    (gunicorn, "bound on the server, to bouncer"),
]


@pytest.fixture(params=SERVED, ids=lambda param: f"{param[0].__name__}, {param[1]}")
def way(request, office) -> Iterator[Way]:
    command, connecting = request.param
    deployment, engine = office.deployment, ENGINES[connecting]
    with ExitStack() as running:
        if "bouncer" in connecting:
            bouncer.need()
            engine = engine | running.enter_context(
                bouncer.pooling(deployment.name, deployment.web)
            )
        server = running.enter_context(servers.serving(command, engine, deployment))
        yield Way(server, deployment, MOST.get(connecting.rpartition(" ")[2], POOL))


def in_json(server: Server, path: str, asker: Asker) -> tuple[Answer, Answer]:
    return server.get(path, asker.cookie), Answer(200, asker.as_json)


def in_template(server: Server, path: str, asker: Asker) -> tuple[Answer, Answer]:
    return server.get(path, asker.cookie), Answer(200, asker.as_text)


def in_stream(server: Server, path: str, asker: Asker) -> tuple[Answer, Answer]:
    expected = f"{asker.as_text}{asker.role}"
    return server.get(path, asker.cookie), Answer(200, expected)


def until_it_leaves(server: Server, path: str, asker: Asker) -> tuple[Answer, Answer]:
    """Two chunks of a stream that goes on."""
    expected = asker.chunk * 2
    answer = server.get(path, asker.cookie, reading=len(expected))
    return answer, Answer(200, expected)


def without_waiting(server: Server, path: str, asker: Asker) -> tuple[None, None]:
    server.leave(path, asker.cookie, after=0.2)
    return None, None


def failing(server: Server, path: str, asker: Asker) -> tuple[int, int]:
    return server.get(path, asker.cookie).status, 500


def denied(server: Server, path: str, asker: Asker) -> tuple[int, int]:
    return server.get(path, asker.cookie).status, 403


VISITS: dict[str, Callable[[Server, str, Asker], tuple[Any, Any]]] = {
    "/orm/": in_json,
    "/raw/": in_json,
    "/atomic/": in_json,
    "/chunks/": in_json,
    "/async/orm/": in_json,
    "/template/": in_template,
    "/stream/": in_stream,
    "/async/stream/": in_stream,
    "/endless/": until_it_leaves,
    "/async/endless/": until_it_leaves,
    "/slow/": without_waiting,
    "/async/slow/": without_waiting,
    "/fails/": failing,
    "/async/fails/": failing,
    "/denied/": denied,
}


def crowd(server: Server, askers: list[Asker]) -> list[Callable[[], tuple[Any, Any]]]:
    """Everybody at every address, in no order."""
    visits = [
        partial(visit, server, path, asker)
        for (path, visit), asker in product(VISITS.items(), askers)
    ]
    random.Random(17).shuffle(visits)
    return visits


def test_a_crowd_at_once_gets_its_own_rows_and_leaves_nothing(way, office):
    visits = crowd(way.server, [*office.askers, office.newcomer()])
    # What connections there are is the server's, from now on.
    connections.close_all()

    answers = servers.at_once(visits)
    used = way.settled()
    left = servers.at_once([partial(way.server.get, "/session/")] * 40)

    assert len(visits) > 200
    assert [one for one in answers if one[0] != one[1]] == []
    assert len(used) <= way.most
    assert {tuple(one.json.values())[1:] for one in left} == {("t", "t", "0", "0", "f")}
    assert {int(one.json["backend"]) for one in left} >= set(used)
    assert not Room.objects.using("owner").exists()
