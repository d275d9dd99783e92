"""The project of tests/evolution, whose models change, on databases of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from django.conf import settings

from tests import databases

SOURCE = Path(__file__).parent / "evolution"
PASSWORD = "secret"
#: Sources change within a second, which a compiled file would not notice.
UNWRITTEN = {"PYTHONDONTWRITEBYTECODE": "1"}
APPS = ("people", "catalog", "work")


class Evolving:
    """A copy of the project in *folder*; its first migrations are made and applied."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.server = subprocess.Popen(
            [sys.executable, SOURCE / "serve.py"],
            # The library of this checkout, wherever the environment's is.
            env={**os.environ, "PYTHONPATH": str(SOURCE.parents[1])} | UNWRITTEN,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
        for app in APPS:
            (folder / app / "migrations").mkdir()
            (folder / app / "migrations" / "__init__.py").touch()
        self.first = self.stage("begin")
        shutil.copytree(folder, self.base)

    @property
    def base(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}_base")

    @property
    def targets(self) -> str:
        """The last migration of each app in the first state."""
        return json.dumps([[app, max(self._migrations(self.base / app))] for app in APPS])

    def stage(self, *arguments: str, fresh: bool = False) -> dict:
        done = self.run(*arguments, fresh=fresh)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.rpartition("RESULT ")[2])

    def run(self, *arguments: str, fresh: bool = False) -> subprocess.CompletedProcess[str]:
        """A stage in a process of its own, which has the imports of the server."""
        out, err = (self.folder.with_name(name) for name in ("out", "err"))
        asked = {
            "arguments": arguments,
            "folder": str(self.folder),
            "environment": {
                "EVOLUTION_NAME": f"{self.name}_fresh" if fresh else self.name,
                "EVOLUTION_PASSWORD": PASSWORD,
            },
            "out": str(out),
            "err": str(err),
        }
        print(json.dumps(asked), file=self.server.stdin, flush=True)
        status = int(self.server.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())

    def end(self) -> None:
        self.server.communicate()

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text() if path.exists() else ""
        assert old in text, f"{file} has no {old!r}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new) if old else new)

    def restore(self) -> None:
        """The files of the first state; whatever was written since goes."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.base, self.folder)

    def as_owner(self, *statements: LiteralString) -> None:
        with psycopg.connect(
            dbname=self.name, user=f"{self.name}_boss", password=PASSWORD, autocommit=True
        ) as connection:
            for statement in statements:
                connection.execute(statement)

    def last(self, app: str) -> Path:
        """The newest migration of *app*."""
        folder = self.folder / app / "migrations"
        return folder / f"{max(self._migrations(folder.parent))}.py"

    def _migrations(self, app: Path) -> list[str]:
        return [path.stem for path in (app / "migrations").glob("0*.py")]


@contextmanager
def evolving(folder: Path) -> Iterator[Evolving]:
    name = f"{settings.PROJECT}_ev"
    for one in (name, f"{name}_fresh"):
        databases.make(one, PASSWORD)
    made = None
    try:
        made = Evolving(folder / "evolution", name)
        yield made
    finally:
        if made:
            made.end()
        for one in (f"{name}_fresh", name):
            databases.remove(one)
