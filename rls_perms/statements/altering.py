"""The statements around an ALTER or a DROP, so that it neither stops at a policy nor drops it."""

from collections.abc import Iterable

from psycopg import sql

from rls_perms.statements.render import joined, template
from rls_perms.statements.row_security import Table


def lay_policies_aside(table: Table, column: str) -> sql.Composed:
    """Take the policies down that use *column*, until ``put_policies_back``."""
    return template("call_lay_policies_aside", table=table.value(), column=sql.Literal(column))


def put_policies_back() -> sql.Composed:
    return template("call_put_policies_back")


def release_column(table: Table, column: str) -> sql.Composed:
    """Raise SQLSTATE RP007 if a policy uses *column*."""
    return template("call_release_column", table=table.value(), column=sql.Literal(column))


def release_table(table: Table, along: Iterable[Table]) -> sql.Composed:
    """Raise SQLSTATE RP007 if a policy of another table uses *table*, but for those *along*."""
    others = sql.SQL("ARRAY[{}]::pg_catalog.regclass[]").format(
        joined(one.value() for one in along)
    )
    return template("call_release_table", table=table.value(), along=others)


def context_functions(types: dict[str, str]) -> list[sql.Composed]:
    """Make way for functions of the context whose type changes."""
    return [
        template("call_retype", name=sql.Literal(name), type=sql.Literal(one))
        for name, one in types.items()
    ]
