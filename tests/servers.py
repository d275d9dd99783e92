"""Real ASGI and WSGI servers on loopback, which have the login's credentials only."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bouncer import free_port
from tests.deployments import Deployment

ROOT = Path(__file__).resolve().parent.parent
SECONDS_TO_START = 60
#: Of gunicorn: each has a connection, where connections persist.
THREADS = 40
SECONDS_TO_ANSWER = 60
# What the tests' own process has and a web server must not.
OTHERS = ("PGUSER", "PGPASSWORD", "PGDATABASE", "DATABASE_URL")


def uvicorn(port: int) -> list[str]:
    return [
        *("uvicorn", "tests.serving.asgi:application"),
        *("--host", "127.0.0.1", "--port", str(port), "--log-level", "error"),
    ]


def gunicorn(port: int) -> list[str]:
    return [
        *("gunicorn", "tests.serving.wsgi:application"),
        *("--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", str(THREADS)),
        *("--backlog", "512", "--log-level", "critical", "--worker-tmp-dir", "/tmp"),  # noqa: S108
    ]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; *body* as far as it was read."""

    status: int
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens on loopback."""

    port: int

    def get(self, path: str, cookie: str | None = None, *, reading: int | None = None) -> Answer:
        """Ask; with *reading*, read that many bytes of the body and hang up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_TO_ANSWER)
        try:
            headers = {} if cookie is None else {"Cookie": f"sessionid={cookie}"}
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = response.read() if reading is None else response.read(reading)
            return Answer(response.status, body.decode())
        finally:
            connection.close()

    def leave(self, path: str, cookie: str | None = None, *, after: float) -> None:
        """Ask, and hang up *after* seconds without having read anything."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS_TO_ANSWER) as line:
            header = "" if cookie is None else f"Cookie: sessionid={cookie}\r\n"
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode())
            time.sleep(after)


@contextmanager
def serving(
    command: Callable[[int], list[str]], connecting: dict[str, Any], deployment: Deployment
) -> Iterator[Server]:
    """The office, served by *command*; *connecting* is laid over the alias ``default``."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if key not in OTHERS}
    environment |= {"RLS_PERMS_TEST_CONNECTING": json.dumps(connecting), **deployment.environment}
    with tempfile.TemporaryFile("w+") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command(port)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            _wait(server, Server(port), output)
            yield Server(port)
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(server: subprocess.Popen[bytes], at: Server, output: Any) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            assert at.get("/up/").body == "up"
            return
        except OSError:
            output.seek(0)
            assert server.poll() is None, output.read()
            assert time.monotonic() < deadline, output.read()
            time.sleep(0.1)


def at_once(requests: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all at the same time, each in a thread of its own; what each returned, in order."""
    with ThreadPoolExecutor(len(requests)) as crowd:
        return [one.result() for one in [crowd.submit(request) for request in requests]]
