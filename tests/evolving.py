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
APPS = ("people", "catalog", "work")


class Evolving:
    """A copy of the project in *folder*; its first migrations are made and applied."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
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
        own = {
            "EVOLUTION_NAME": f"{self.name}_fresh" if fresh else self.name,
            "EVOLUTION_PASSWORD": PASSWORD,
            "PYTHONDONTWRITEBYTECODE": "1",
            # The library of this checkout, wherever the environment's is.
            "PYTHONPATH": str(SOURCE.parents[1]),
        }
        return subprocess.run(
            [sys.executable, "steps.py", *arguments], cwd=self.folder, env={**os.environ, **own},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

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
    try:
        yield Evolving(folder / "evolution", name)
    finally:
        for one in (f"{name}_fresh", name):
            databases.remove(one)
