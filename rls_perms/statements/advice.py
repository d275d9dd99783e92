"""SQL that a message tells somebody to run: it can be pasted, whatever the names have in them."""

from typing import LiteralString

from psycopg import sql


def create_login(login: str) -> str:
    return _said("CREATE ROLE {} LOGIN NOINHERIT PASSWORD '...'", login)


def alter_role(role: str, attributes: LiteralString) -> str:
    return _said("ALTER ROLE {} " + attributes, role)


def reset_parameter(role: str, database: str, parameter: str) -> str:
    """Take back what ALTER ROLE .. SET left; *database* is "" where it is for all of them."""
    where = sql.SQL(" IN DATABASE {}").format(sql.Identifier(database)) if database else sql.SQL("")
    statement = sql.SQL("ALTER ROLE {}{} RESET {}")
    return statement.format(sql.Identifier(role), where, _parameter(parameter)).as_string(None)


def grant_parameter(parameter: str, role: str) -> str:
    statement = sql.SQL("GRANT SET ON PARAMETER {} TO {}")
    return statement.format(_parameter(parameter), sql.Identifier(role)).as_string(None)


def revoke_role(role: str, member: str) -> str:
    return _said("REVOKE {} FROM {}", role, member)


def give_up(role: str) -> str:
    """Let *role* own nothing, and hold no privilege, in the database where it is run."""
    return _said("REASSIGN OWNED BY {0} TO CURRENT_USER; DROP OWNED BY {0}", role)


def _parameter(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


def _said(statement: LiteralString, *names: str) -> str:
    return sql.SQL(statement).format(*map(sql.Identifier, names)).as_string(None)
