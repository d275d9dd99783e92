"""The example project, deployed for tests on a database of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests import databases
from tests.deployments import PASSWORD, Deployment

PROJECT = Path(__file__).resolve().parent.parent / "example_project"
SECONDS_TO_START = 60
# What the tests' own process has and the site must not: the owner's and the administrator's.
OTHERS = ("FIRM_OWNER", "FIRM_OWNER_PASSWORD", "PGUSER", "PGPASSWORD", "DATABASE_URL")


class Example:
    """The example project on a database of its own, command by command."""

    def __init__(self, name: str, **environment: str) -> None:
        self.deployment = Deployment(name)
        self.login = {
            "DJANGO_SETTINGS_MODULE": "firm.settings",
            "FIRM_DATABASE": name,
            "FIRM_LOGIN": self.deployment.web,
            "FIRM_PASSWORD": PASSWORD,
            **environment,
        }
        self.owner = {"FIRM_OWNER": self.deployment.boss, "FIRM_OWNER_PASSWORD": PASSWORD}

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env={**os.environ, **self.login, **self.owner, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.python("manage.py", *arguments)

    def answer(self, code: str) -> str:
        """What *code* prints, with Django set up and the owner's credentials beside the login's."""
        done = self.python("-c", f"import django; django.setup(); {code}")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def seed(self, size: int) -> None:
        """Migrate, and make three firms with *size* documents each."""
        for command in (["migrate", "--database", "owner"], ["seed", "--size", str(size)]):
            done = self.manage(*command)
            assert done.returncode == 0, done.stderr

    @contextmanager
    def served(self) -> Iterator[str]:
        """The site's address; the process that serves it has the login's credentials only."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        server = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", "--noreload", address],
            cwd=PROJECT,
            env={**{k: v for k, v in os.environ.items() if k not in OTHERS}, **self.login},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(server, f"http://{address}/login/")
            yield f"http://{address}"
        finally:
            server.terminate()
            server.wait()


@contextmanager
def deployed(name: str, **environment: str) -> Iterator[Example]:
    """The example project on an empty database *name*, removed afterwards with its roles."""
    databases.make(name, PASSWORD)
    try:
        yield Example(name, **environment)
    finally:
        databases.remove(name)


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            urlopen(url).close()  # noqa: S310 - our own server's
            return
        except URLError:
            assert server.poll() is None, f"The site ended with status {server.returncode}."
            assert time.monotonic() < deadline, f"No site at {url} for {SECONDS_TO_START} s."
            time.sleep(0.1)
