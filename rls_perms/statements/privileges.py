"""Ask what the current role may do with a table at all, before any row is looked at."""

from psycopg import sql

from rls_perms.keywords import Command


def may_use(table: str, command: Command) -> sql.Composed:
    """Whether the current role has the privilege on *table*, a quoted name, or on a column."""
    # https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-ACCESS-TABLE
    # Nobody deletes a part of a row, so for DELETE there is no such thing as a column.
    name = "has_table_privilege" if command is Command.DELETE else "has_any_column_privilege"
    return sql.SQL("SELECT pg_catalog.{}({}, {})").format(
        sql.Identifier(name),
        sql.Literal(table),
        sql.Literal(command.value),
    )
