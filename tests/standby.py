"""A streaming standby of the tests' server, and waiting until it has caught up."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import postgres

SECONDS_TO_START = 60
SECONDS_TO_CATCH_UP = 20


def need() -> None:
    """End the test that runs where the server is not our own, so that its files are not ours."""
    if not os.environ["PGHOST"].startswith(f"{postgres.TMP}/{postgres.PREFIX}"):
        pytest.skip("the server was given by the environment, and a standby copies its files")


@contextmanager
def streaming() -> Iterator[str]:
    """The host of a standby, on which all that is on the tests' server appears."""
    # In the folder of its primary: whoever removes that, kill -9 or not, removes this.
    folder = Path(tempfile.mkdtemp(prefix="standby-", dir=Path(os.environ["PGHOST"]).parent))
    options: dict[str, Any] = {
        "cwd": folder,
        "env": {**os.environ, "LC_ALL": postgres.utf8_locale()},
        "stdin": subprocess.DEVNULL,
        "preexec_fn": postgres.end_with_parent(),
    }
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = postgres.server_user()
        os.chown(folder, user.pw_uid, user.pw_gid)
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    binaries, data, log = _binaries(folder, options), folder / "data", folder / "log"
    copy = [str(binaries / "pg_basebackup"), "-D", str(data), "-R", "-X", "stream", "-c", "fast"]
    settings = postgres.OPTIONS | {
        # Not in the data: the primary's is there, and its lock was copied.
        "unix_socket_directories": str(folder),
        "unix_socket_permissions": "0700",
    }
    with open(log, "wb") as output:
        options |= {"stdout": output, "stderr": subprocess.STDOUT}
        assert subprocess.run([*copy, "--no-sync"], check=False, **options).returncode == 0, (
            log.read_text()
        )
        standby = subprocess.Popen(
            [str(binaries / "postgres"), "-D", str(data)]
            + [f"--{name}={value}" for name, value in settings.items()],
            **options,
        )
    try:
        _wait(standby, data, log)
        yield str(folder)
    finally:
        postgres.stop(standby)
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path, options: dict[str, Any]) -> Path:
    """Those of the primary, which as root runs a copy where its user cannot reach them."""
    found = postgres.find_binaries()
    quiet = {key: one for key, one in options.items() if key != "stdin"}
    if "user" not in options or postgres.may_run(found, quiet):
        return found
    return folder.parent / found.parents[1].name / found.relative_to(found.parents[1])


def _wait(standby: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not postgres.is_ready(data, standby.pid):
        assert standby.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def catch_up(host: str) -> None:
    """Wait until the standby has what is committed on its primary by now."""
    with psycopg.connect(dbname="postgres", autocommit=True) as primary:
        # Commits are asynchronous there, and this writes out what is not written yet.
        primary.execute("CHECKPOINT")
        (until,) = primary.execute("SELECT pg_current_wal_lsn()").fetchone()
    deadline = time.monotonic() + SECONDS_TO_CATCH_UP
    with psycopg.connect(host=host, dbname="postgres", autocommit=True) as standby:
        while not standby.execute(
            "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [until]
        ).fetchone()[0]:
            assert time.monotonic() < deadline, "the standby does not catch up"
            time.sleep(0.02)


@contextmanager
def paused(host: str) -> Iterator[None]:
    """What is committed on the primary does not appear on the standby."""
    with psycopg.connect(host=host, dbname="postgres", autocommit=True) as standby:
        standby.execute("SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            standby.execute("SELECT pg_wal_replay_resume()")
