"""The server of the tests ends with its user, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from tests import postgres

ROOT = Path(__file__).resolve().parent.parent
START = """
import sys
from tests import postgres
print(postgres.start()["PGHOST"], flush=True)
sys.stdin.read()
"""
START_AND_FORK = """
import os, sys, time
from tests import postgres
host = postgres.start()["PGHOST"]
child = os.fork()
if not child:
    time.sleep(60)
    os._exit(0)
print(host, flush=True)
sys.stdin.read()
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "DATABASE_URL" in os.environ
        or not os.environ.get("PGHOST", "").startswith(f"{postgres.TMP}/{postgres.PREFIX}"),
        reason="the server was given by the environment, so its life is not ours",
    ),
]


@dataclass(frozen=True)
class Server:
    """A server of its own, and the processes that it lives by."""

    user: subprocess.Popen[str]
    host: Path
    watchdog: psutil.Process
    postmaster: psutil.Process

    @property
    def folder(self) -> Path:
        return self.host.parent

    def is_gone(self) -> bool:
        return not (
            self.folder.exists() or self.watchdog.is_running() or self.postmaster.is_running()
        )


def started(program: str) -> Server:
    user = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={key: os.environ[key] for key in os.environ if not key.startswith(("PG", "DATABASE_"))},
    )
    host = Path(user.stdout.readline().strip())
    postmaster = psutil.Process(int((host / "postmaster.pid").read_text().splitlines()[0]))
    return Server(user, host, postmaster.parent(), postmaster)


@pytest.fixture
def server() -> Iterator[Server]:
    server = started(START)
    yield server
    server.user.kill()
    server.user.communicate()


def soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_user_that_ends_takes_its_server_along(server):
    server.user.communicate("")

    assert server.is_gone()


def test_a_killed_user_leaves_nothing(server):
    server.user.kill()

    assert soon(server.is_gone)


def test_a_killed_user_leaves_no_query_running(server):
    connection = psycopg.connect(host=str(server.host), user="postgres", dbname="postgres")
    backend = psutil.Process(connection.info.backend_pid)
    # It never waits, so it never looks for signals but in PostgreSQL's own loop.
    connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1e12)")

    server.user.kill()

    assert soon(lambda: server.is_gone() and not backend.is_running())


def test_a_killed_watchdog_leaves_nothing_when_the_user_ends(server):
    server.watchdog.kill()
    ended_at_once = soon(lambda: not server.postmaster.is_running())
    server.user.communicate("")

    assert ended_at_once
    assert server.is_gone()


def test_a_killed_postmaster_leaves_nothing_when_the_user_ends(server):
    server.postmaster.kill()
    server.user.communicate("")

    assert server.is_gone()


def test_a_killed_postmaster_leaves_no_query_running(server):
    connection = psycopg.connect(host=str(server.host), user="postgres", dbname="postgres")
    backend = psutil.Process(connection.info.backend_pid)
    connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1e12)")

    server.postmaster.kill()
    connection.close()

    assert soon(lambda: not backend.is_running())


def test_when_all_are_killed_the_next_start_removes_the_folder(server):
    server.watchdog.kill()
    server.user.kill()
    ended = soon(lambda: not server.postmaster.is_running())
    os.utime(server.folder, (0, 0))  # a young folder may be a server that starts
    postgres.sweep()

    assert ended
    assert server.is_gone()


def test_sweeping_leaves_a_server_in_use_alone(server):
    os.utime(server.folder, (0, 0))

    postgres.sweep()

    assert server.host.exists()


def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_server():
    server = started(START_AND_FORK)
    [child] = [
        process
        for process in psutil.Process(server.user.pid).children()
        if process.pid != server.watchdog.pid
    ]

    server.user.kill()

    assert soon(server.is_gone)
    assert child.is_running()
    with suppress(psutil.NoSuchProcess):
        child.send_signal(signal.SIGKILL)
    server.user.communicate()


def test_the_path_of_the_socket_is_short_enough_for_every_system():
    socket = Path(os.environ["PGHOST"], f".s.PGSQL.{os.environ['PGPORT']}")

    assert socket.is_socket()
    assert len(os.fsencode(socket)) <= 103  # macOS; Linux has 107


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://ann:a%2Fb@db.example:6543/shop?sslmode=require",
            {
                "PGHOST": "db.example",
                "PGPORT": "6543",
                "PGUSER": "ann",
                "PGPASSWORD": "a/b",
                "PGDATABASE": "shop",
                "PGSSLMODE": "require",
            },
        ),
        ("postgres://%2Ftmp%2FPg/x", {"PGHOST": "/tmp/Pg", "PGDATABASE": "x"}),  # noqa: S108
    ],
)
def test_a_database_url_becomes_libpqs_variables(url, expected):
    assert postgres.parameters(url) == expected
