"""Make and remove the database of a test process, with its owner and its login."""

from typing import LiteralString

import psycopg
from psycopg import sql


def administrate(*statements: sql.Composable) -> None:
    """Run statements as the administrator of the server, each by itself."""
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def administrate_in(database: str, *statements: LiteralString) -> None:
    """Run statements inside of *database* as the administrator of the server."""
    with psycopg.connect(dbname=database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def make(project: str, password: str) -> None:
    """A database owned by ``<project>_boss``, and the login ``<project>_web``."""
    remove(project)
    boss, web = (sql.Identifier(f"{project}_{name}") for name in ("boss", "web"))
    secret = sql.Literal(password)
    administrate(
        sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}").format(boss, secret),
        sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}").format(web, secret),
        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(project), boss),
    )


def remove(project: str) -> None:
    """The database and every role that starts with the project's name."""
    administrate(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(project)))
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        found = connection.execute(
            # The owner last: it granted what the others have.
            "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY rolname LIKE %s",
            [f"{project}_", r"%\_boss"],
        ).fetchall()
        for (role,) in found:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
