"""A reader who does what a page says: in a project, with a database and roles, of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg import sql

from tests import databases, postgres
from tests.pages import Block, says, transcript

LANGUAGES = ("sql", "python", "pycon", "console")
TERMINAL = "trap 'export -p >.exported' EXIT\nif [ -f .exported ]; then . ./.exported; fi\n"
OURS = ("PYTEST_", "RLS_PERMS_", "DJANGO_SETTINGS_MODULE", "PGPASSWORD")


class Reader:
    """
    Does blocks in *folder*, as *name*.

    Databases and roles belong to the server, so their name on the pages, *named*, is
    replaced by *name*, where the pattern *where* finds it. *owner* is the end of the owner's.
    """

    def __init__(
        self, folder: Path, name: str, *, named: str, where: str, owner: str = "owner"
    ) -> None:
        self.folder = folder
        self.name = name
        self.named = named
        self.owner = f"{name}_{owner}"
        self.where = re.compile(where)
        self.printed = ""
        self._written: set[Path] = set()
        self._settings: list[Path] = []
        self._kept_roles: frozenset[str] = frozenset()

    def follow(self, blocks: Iterable[Block]) -> None:
        """Do *blocks*, which are of one page, in their order; settings at the end."""
        self._written.clear()
        self._settings.clear()
        for block in blocks:
            assert block.language in LANGUAGES, f"{block} is in none of {', '.join(LANGUAGES)}"
            if not block.not_run:
                self._do(block)
        if self._settings:
            self.succeed("python -m tests.sessions settings", *self._settings)

    def _do(self, block: Block) -> None:
        does = getattr(self, f"_{block.language}")
        try:
            does(block, self.where.sub(self.name, block.body))
        except (AssertionError, ValueError, SyntaxError, psycopg.Error) as error:
            report = str(error).replace(self.name, self.named)  # to be pasted into the page
            raise AssertionError(f"{block}: {report}") from error

    # One for each language

    def _sql(self, block: Block, body: str) -> None:
        """As the administrator of the server, each statement by itself."""
        databases.administrate(*(sql.SQL(one) for one in body.split(";") if one.strip()))

    def _python(self, block: Block, body: str) -> None:
        if block.file:
            self._write(self.folder / block.file, body)
        elif block.is_settings:
            self._settings.append(self._keep_beside(block, body))
        else:
            raise ValueError("its first line names no file, and it is neither settings nor pycon")

    def _pycon(self, block: Block, body: str) -> None:
        self.succeed("python -m tests.sessions session", self._keep_beside(block, body))

    def _console(self, block: Block, body: str) -> None:
        typed = transcript(body)
        status = 0
        for number, one in enumerate(typed, start=1):
            status = self._run(one.command, status)
            report = f"$ {one.command}\n{self.printed}(exit status {status})"
            asked = any(after.command == "echo $?" for after in typed[number : number + 1])
            assert status == 0 or asked or one.tells_the_end, report
            if one.shown.strip():
                assert says(one.shown, self.printed), f"{report}\n\nThe page shows:\n{one.shown}"

    # What they take

    def _write(self, file: Path, body: str) -> None:
        """A new file, unless it is the project's settings or one that the page has begun."""
        adds = file.name == "settings.py" or file in self._written
        file.parent.mkdir(exist_ok=True)
        with file.open("a" if adds else "w") as text:
            text.write(f"\n{body}" if adds else body)
        self._written.add(file)

    def _keep_beside(self, block: Block, body: str) -> Path:
        """A file that is named as the block, for what is said about it."""
        file = self.folder / f"{block.page.stem}_{block.line}.{block.language}"
        file.write_text(body)
        return file

    def succeed(self, command: str, *files: Path) -> None:
        status = self._run(" ".join([command, *map(str, files)]))
        assert status == 0, self.printed

    def _run(self, command: str, status: int = 0) -> int:
        """Run it as in one terminal: $? is *status*, and what is exported stays so."""
        done = subprocess.run(
            ["/bin/bash", "-c", f"{TERMINAL}(exit {status})\n{command}"],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self.printed = done.stdout
        return done.returncode

    def _environment(self) -> dict[str, str]:
        """The server's address and the passwords, as libpq reads them; nothing of this run's."""
        passwords = self.folder / ".pgpass"
        if not passwords.exists():
            passwords.write_text("*:*:*:*:...\n")  # README.md's CREATE ROLE says PASSWORD '...'
            passwords.chmod(0o600)
        paths = (os.environ["PATH"], *postgres.candidates())
        theirs = {name: one for name, one in os.environ.items() if not name.startswith(OURS)}
        return theirs | {
            # Python's folder first; psql may be nowhere but beside the server.
            "PATH": os.pathsep.join(map(str, (Path(sys.executable).parent, *paths))),
            "PGPASSFILE": str(passwords),
            # A module that is written anew within a second would be taken for the old one.
            "PYTHONDONTWRITEBYTECODE": "1",
            # What a command prints and what it warns of come in the order of a terminal.
            "PYTHONUNBUFFERED": "1",
        }

    # Between pages

    def keep(self) -> None:
        """Remember files, rows and roles for ``again()``."""
        shutil.copytree(self.folder, self._kept_folder)
        _copy_database(self.name, to=f"{self.name}_kept")
        self._kept_roles = frozenset(self._roles())

    def again(self) -> None:
        """Go back to what ``keep()`` remembered."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._kept_folder, self.folder)
        _drop_databases(self.name)
        _copy_database(f"{self.name}_kept", to=self.name)
        _drop_roles(role for role in self._roles() if role not in self._kept_roles)
        # Memberships are the server's, not the database's.
        self.succeed("python manage.py sync_pg_roles")

    @property
    def _kept_folder(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}_kept")

    def leave(self) -> None:
        """Drop databases and roles, those of a test run that failed too."""
        _drop_databases(f"test_{self.name}", self.name, f"{self.name}_kept")
        _drop_roles(self._roles())

    def _roles(self) -> list[str]:
        with psycopg.connect(dbname="postgres") as connection:
            found = connection.execute(
                "SELECT rolname FROM pg_roles"
                " WHERE starts_with(rolname, %(name)s || '_')"
                " OR starts_with(rolname, 'test_' || %(name)s || '_')"
                # The owner last: what it granted goes with it.
                " ORDER BY rolname = %(owner)s",
                {"name": self.name, "owner": self.owner},
            )
            return [role for (role,) in found]


def _copy_database(name: str, *, to: str) -> None:
    databases.administrate(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
            *map(sql.Identifier, (to, name, f"{name.removesuffix('_kept')}_owner"))
        )
    )


def _drop_databases(*names: str) -> None:
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    databases.administrate(*(drop.format(sql.Identifier(name)) for name in names))


def _drop_roles(names: Iterable[str]) -> None:
    databases.administrate(*(sql.SQL("DROP ROLE {}").format(sql.Identifier(one)) for one in names))
