"""Which columns the role of the context may not read or change: the database is asked once."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps

from rls_perms.context import ClosedColumns, Entered
from rls_perms.policies.columns import kept_columns
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import declaration
from rls_perms.statements import columns as queries
from rls_perms.statements.render import text as as_text

NONE = ClosedColumns()


def closed_to(entered: Entered, connection: Any) -> ClosedColumns:
    """
    The columns that are closed to the role of *entered*, of all models with ColumnPermissions.

    It is for convenience alone: whatever it says, PostgreSQL decides. So a privilege that
    changes meanwhile counts from the next context on, or is refused.
    """
    known = entered.closed.get(connection.alias)
    if known is None:
        known = entered.closed[connection.alias] = _ask(connection)
    return known


def readable(columns: list[Any], connection: Any) -> list[Any]:
    """Those of the default *columns* of a SELECT that the role of the context may read."""
    models = {column.target.model for column in columns}
    if not any(has_columns(model) for model in models):
        return columns
    unreadable = connection.closed_columns().unreadable
    return [
        column
        for column in columns
        if (column.target.model._meta.db_table, column.target.column) not in unreadable
    ]


def has_columns(model: Any) -> bool:
    """Whether *model* declares ColumnPermissions."""
    declared = declaration(model)
    return declared is not None and bool(declared.columns)


def _ask(connection: Any) -> ClosedColumns:
    wanted = list(_kept())
    parameters = {
        "names": [table for table, _, _ in wanted],
        "tables": [quoted for _, quoted, _ in wanted],
        "columns": [column for _, _, column in wanted],
    }
    with connection.cursor() as cursor:
        cursor.execute(queries.PRIVILEGES, parameters)
        rows = cursor.fetchall()
    return ClosedColumns(
        unreadable=frozenset((table, column) for table, column, reads, _ in rows if not reads),
        unchangeable=frozenset(
            (table, column) for table, column, _, changes in rows if not changes
        ),
    )


def _kept() -> Iterable[tuple[str, str, str]]:
    """Each column that is kept for some: its table as models and as PostgreSQL write it."""
    for model in apps.get_models():
        declared = declaration(model)
        if declared is None or not declared.columns:
            continue
        table = model._meta.db_table
        quoted = as_text(table_of(model).identifier())
        kept = kept_columns(model, declared.columns).values()
        for column in sorted({column for columns in kept for column in columns}):
            yield table, quoted, column
