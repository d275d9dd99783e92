"""Run the project's commands in a virtual environment that this script makes beside itself."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "rls_perms.stamp"
BIN = VENV / "bin"
SUPPORTED = (14, 13, 12, 11)  # minor versions of Python 3, newest first
USAGE = "usage: python3 run.py demo [--once] [--port N] | test [--all] [pytest arguments] | lint"


def main(arguments: list[str]) -> int:
    match arguments:
        case ["test", *rest]:
            prepare()
            os.chdir(ROOT)
            # What a file makes is made once. In the order of tests/plugin.py: else one that takes
            # minutes might be left alone at the end.
            dist = ["--dist", "loadfile", "--no-loadscope-reorder"]
            pytest = ["-m", "pytest", "-n", "auto", *dist, *rest]
            # In our place: signals and the exit status are pytest's own.
            os.execv(BIN / "python", [str(BIN / "python"), *pytest])
        case ["demo", *rest]:
            prepare()
            os.chdir(ROOT)
            os.execv(BIN / "python", [str(BIN / "python"), "example_project/demo.py", *rest])
        case ["lint"]:
            prepare()
            return max(
                run(BIN / "ruff", "check"),
                run(BIN / "ruff", "format", "--check"),
                run(BIN / "mypy", "rls_perms"),
                run(BIN / "lint-imports", "--no-logo"),
            )
    print(USAGE, file=sys.stderr)
    return 2


def run(*command: str | Path) -> int:
    return abs(subprocess.run(command, cwd=ROOT, check=False).returncode)


def prepare() -> None:
    """Make .venv, unless it is whole and for these files, this folder and this Python."""
    with open(__file__) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once make it once
        python, version = newest_python()
        wanted = stamp(python, version)
        if STAMP.is_file() and STAMP.read_text() == wanted and answers(BIN / "python"):
            return
        say(f"making .venv with Python {version} ({python}), about a minute the first time")
        if VENV.exists():
            shutil.rmtree(VENV)
        install(python)
        STAMP.write_text(wanted)  # last: an interrupted run is made again


def install(python: str) -> None:
    pip = [BIN / "python", "-m", "pip", "-qq", "--disable-pip-version-check", "install"]
    pinned = ["--constraint", "constraints.txt"]
    for command in (
        [python, "-m", "venv", VENV],
        [*pip, *pinned, "--upgrade", "pip"],  # --group needs pip 25.1
        [*pip, *pinned, "--group", "test", "--group", "lint"],
        # The lint group brings hatchling at its pinned version.
        [*pip, *pinned, "--no-build-isolation", "--editable", ".[pool]"],
    ):
        if status := run(*command):
            sys.exit(f"run.py: {' '.join(map(str, command))} ended with status {status}")


def newest_python() -> tuple[str, str]:
    """Return path and version of the newest supported Python that can make an environment."""
    for minor in SUPPORTED:
        for candidate in candidates(minor):
            if (found := answers(candidate)) and found[1].startswith(f"3.{minor}."):
                return found
    sys.exit(f"run.py: needs Python 3.{SUPPORTED[-1]} to 3.{SUPPORTED[0]} with venv; found none")


def candidates(minor: int) -> Iterator[str | Path]:
    if sys.version_info[:2] == (3, minor):
        yield sys.executable
    for name in (f"python3.{minor}", "python3", "python"):
        if path := shutil.which(name):
            yield path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/3.{minor}*/bin/python3"), reverse=True)


def answers(python: str | Path) -> tuple[str, str] | None:
    """Return the real path and version, or None: pyenv's shims exist and exit with 127."""
    code = "import ensurepip, platform, sys, venv; print(sys._base_executable)"
    code += "; print(platform.python_version())"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return None
    lines = done.stdout.splitlines()
    return (lines[0], lines[1]) if done.returncode == 0 and len(lines) == 2 else None


def stamp(python: str, version: str) -> str:
    files = b"".join((ROOT / name).read_bytes() for name in ("constraints.txt", "pyproject.toml"))
    return f"{python}\n{version}\n{VENV}\n{hashlib.sha256(files).hexdigest()}\n"


def say(text: str) -> None:
    print(f"run.py: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
