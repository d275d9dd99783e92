"""docs/tutorial.md: each of its steps works, and prints what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from tests import databases

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = f"{settings.PROJECT}_tutorial"
#: Roles belong to the cluster: other projects of it may be named as the page's.
RENAMED = {
    "notes_owner": f"{NAME}_owner",
    "notes_web": f"{NAME}_web",
    "notes_everyone": f"{NAME}_everyone",
    "DATABASE notes ": f"DATABASE {NAME} ",
    '"NAME": "notes"': f'"NAME": "{NAME}"',
}


@pytest.fixture
def follow(tmp_path):
    """Do what the page says, block by block; returns all that its commands printed."""
    text = PAGE.read_text()
    for old, new in RENAMED.items():
        text = text.replace(old, new)
    yield lambda: "".join(done(kind, body, tmp_path) for kind, body in BLOCK.findall(text))
    databases.administrate(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(NAME)),
        # What the owner granted goes with the owner.
        *(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)) for role in roles()),
    )


def roles():
    with psycopg.connect(dbname="postgres") as connection:
        found = connection.execute(
            "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY rolname = %s",
            [f"{NAME}_", f"{NAME}_owner"],
        )
        return [role for (role,) in found]


def done(kind, body, folder):
    if kind == "sql":
        statements = [one for one in body.split(";") if one.strip()]
        databases.administrate(*(sql.SQL(one) for one in statements))
    if kind == "python":
        with open(folder / body.split()[1], "a") as file:
            file.write(body)
    if kind == "bash":
        return run(body, folder)
    return ""


def run(commands, folder):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    environment["NOTES_OWNER_PASSWORD"] = "owner"
    command = subprocess.run(
        ["/bin/bash", "-ec", commands], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert command.returncode == 0, command.stdout + command.stderr
    return command.stdout + command.stderr


def test_the_tutorial_prints_what_it_says(follow):
    expected = re.search(r"^```text\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]

    printed = follow()

    assert expected.replace("notes_everyone", f"{NAME}_everyone") in printed
    assert "ann may not change it" in printed
    assert "without a user: PostgreSQL refused the login role" in printed
    assert "Ran 1 test" in printed
