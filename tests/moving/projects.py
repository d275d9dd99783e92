"""An application that uses another library, with a database and a login of its own."""

import json
import shutil
from pathlib import Path

import psycopg
from django.core.management import call_command
from psycopg import sql

from tests import databases
from tests.reader import Reader

FOLDER = Path(__file__).parent


class Peer(Reader):
    """
    The reader of a guide, who has the application *named* until they follow it.

    Its database belongs to the login that the site connects as, ``<named>_app``: there is one.
    """

    def __init__(self, folder: Path, name: str, *, named: str) -> None:
        super().__init__(folder, name, named=named, where=rf"\b{named}(?=_|\b)", owner="app")
        call_command("startproject", "project", folder)
        shutil.copytree(FOLDER / named, folder, dirs_exist_ok=True)
        shutil.copy(FOLDER / "ask.py", folder)
        given = (folder / "settings.py").read_text()
        (folder / "settings.py").unlink()
        with (folder / "project" / "settings.py").open("a") as text:
            text.write(self.where.sub(name, given))

    def make_database(self) -> None:
        app, database = sql.Identifier(f"{self.name}_app"), sql.Identifier(self.name)
        self.leave()
        databases.administrate(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD '...'").format(app),
            sql.SQL("CREATE DATABASE {} OWNER {}").format(database, app),
        )

    def ask(self, script: str = "ask.py") -> dict[str, object]:
        """
        What *script* answers, given to ``manage.py shell``.

        By default what each user is shown at each address: rows, or the status of a refusal.
        """
        self.succeed(f"python manage.py shell -v0 <{script}")
        (line,) = (one for one in self.printed.splitlines() if one.startswith("ANSWERS "))
        return json.loads(line.removeprefix("ANSWERS "))

    def rows(self, *statements: str, login: str = "app") -> list[tuple]:
        """
        What the last of *statements* answers to a login, as injected SQL would ask.

        All of it is rolled back.
        """
        with psycopg.connect(
            dbname=self.name, user=f"{self.name}_{login}", password="..."
        ) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            found = cursor.fetchall() if cursor.description else []
            connection.rollback()
        return found
