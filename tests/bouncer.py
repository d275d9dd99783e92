"""PgBouncer in transaction mode, before the server of the tests."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests import postgres

#: Connections to PostgreSQL that all clients share.
CONNECTIONS = 5
SECONDS_TO_START = 20

# With auth_type "any" the user is the one that the database's line says.
SETTINGS = """\
[databases]
{name} = host={host} port={port} dbname={database} user={login}

[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 1000
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
logfile = {folder}/log
"""


def need() -> None:
    """End the test that runs where there is no PgBouncer."""
    if _program() is None:
        reason = "No pgbouncer on this machine. Install Debian's package pgbouncer."
        # In CI a test that does not run is a test that fails.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def _program() -> str | None:
    # Debian's place for it is not in everybody's path.
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooling(
    database: str, login: str, *, name: str | None = None, host: str | None = None, more: str = ""
) -> Iterator[dict[str, str]]:
    """
    A pooler for *database*, whose connections are *login*'s: its NAME, HOST and PORT.

    *name* is what clients call the database, *host* another server than the tests' own, *more*
    lines of its settings.
    """
    folder = Path(tempfile.mkdtemp(prefix="rls_perms-bouncer-", dir="/tmp"))
    port = free_port()
    own = {}
    if os.geteuid() == 0:  # it refuses to run as root
        user = postgres.server_user()
        own = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chown(folder, user.pw_uid, user.pw_gid)
    file = folder / "pgbouncer.ini"
    text = SETTINGS.format(
        name=name or database,
        database=database,
        login=login,
        host=host or os.environ["PGHOST"],
        port=os.environ.get("PGPORT", "5432"),
        connections=CONNECTIONS,
        own_port=port,
        folder=folder,
    )
    file.write_text(f"{text}{more}\n")
    file.chmod(0o644)
    pooler = subprocess.Popen(
        [str(_program()), "-q", str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **own,
    )
    try:
        at = {"NAME": name or database, "HOST": "127.0.0.1", "PORT": str(port)}
        _wait(pooler, at, login, folder)
        yield at
    finally:
        pooler.terminate()
        pooler.wait()
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(pooler: subprocess.Popen[bytes], at: dict[str, str], login: str, folder: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            psycopg.connect(
                host=at["HOST"], port=at["PORT"], dbname=at["NAME"], user=login, password="any"
            ).close()
            return
        except psycopg.OperationalError as error:
            log = folder / "log"
            said = f"{error}{log.read_text() if log.exists() else ''}"
            assert pooler.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
