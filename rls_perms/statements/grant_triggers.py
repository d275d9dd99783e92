"""Triggers by which guardian's grants follow the rows that they are on."""

from dataclasses import dataclass

from psycopg import sql

from rls_perms.identifiers import SCHEMA, shortened
from rls_perms.statements.grant_views import GrantTable
from rls_perms.statements.render import joined, literals, template, text
from rls_perms.statements.row_security import Table

_NAMES = {
    "insert": sql.Identifier("zz_rls_perms_creator"),
    "delete": sql.Identifier("zz_rls_perms_gone"),
    "update": sql.Identifier("zz_rls_perms_key"),
    "truncate": sql.Identifier("zz_rls_perms_emptied"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How the grants on the rows of one table follow them."""

    #: The function, and the table whose triggers call it.
    function: str
    table: Table
    key: str
    content_type_id: object
    #: What the creator of a row is granted, and in which table; nothing if empty.
    creator: tuple[object, ...]
    user_grants: GrantTable
    #: The tables whose grants go with a row; those with a foreign key to it go in any case.
    removed: tuple[GrantTable, ...]
    #: Roles that are nobody's creator.
    unbound: tuple[str, ...]


def function_name(table: Table) -> str:
    distinct = f"{table.schema}.{table.name}" if table.schema else None
    return shortened(f"follow_{table.name}", distinct=distinct)


def forget(table: Table) -> sql.Composed:
    """Drop the triggers."""
    return template("drop_follow_triggers", table=table.identifier(), **_NAMES)


def follow(wanted: Following) -> sql.Composed:
    """The function and its triggers, in place of those that are there."""
    function = sql.Identifier(wanted.function)
    at = {"table": wanted.table.identifier(), "function": function}
    parts = [
        forget(wanted.table),
        template(
            "follow_rows_function",
            function=function,
            on_insert=_grant_to_creator(wanted) if wanted.creator else _NOTHING,
            on_delete=_forget("forget_grants", wanted),
            on_update=_forget("forget_grants_of_key", wanted),
            on_truncate=_forget("forget_all_grants", wanted),
        ),
    ]
    if wanted.creator:
        unbound = literals(wanted.unbound)
        parts.append(template("creator_trigger", insert=_NAMES["insert"], unbound=unbound, **at))
    if wanted.removed:
        names = {name: _NAMES[name] for name in ("delete", "update", "truncate")}
        parts.append(template("forget_triggers", key=sql.Identifier(wanted.key), **names, **at))
    return joined(parts, "\n")


def seal(function: str, made_of: str) -> sql.Composed:
    """Keep with the function what it and its triggers are by now."""
    name = text(sql.Identifier(SCHEMA, function))
    return template(
        "call_seal_triggers",
        function=sql.SQL("{}::pg_catalog.regproc").format(sql.Literal(name)),
        digest=sql.Literal(made_of),
    )


_NOTHING = sql.Composed([sql.SQL("NULL;")])


def _grant_to_creator(wanted: Following) -> sql.Composed:
    grants = wanted.user_grants
    row_key = sql.SQL("made.{}").format(sql.Identifier(wanted.key))
    columns = [grants.holder, grants.permission, grants.object]
    values: list[sql.Composable] = [
        sql.SQL("rls_perms.user_id()"),
        sql.SQL("given.permission"),
        row_key if grants.content_type is None else sql.SQL("{}::text").format(row_key),
    ]
    if grants.content_type is not None:
        columns.append(grants.content_type)
        values.append(sql.Literal(wanted.content_type_id))
    return template(
        "grant_to_creator",
        grants=grants.table.identifier(),
        columns=joined(sql.Identifier(name) for name in columns),
        values=joined(values),
        permission_ids=joined(sql.Literal(one) for one in wanted.creator),
    )


def _forget(name: str, wanted: Following) -> sql.Composed:
    statements = [
        template(
            name,
            grants=grants.table.identifier(),
            content_type=sql.Identifier(content_type),
            content_type_id=sql.Literal(wanted.content_type_id),
            object=sql.Identifier(grants.object),
            **({} if name == "forget_all_grants" else {"key": sql.Identifier(wanted.key)}),
        )
        for grants in wanted.removed
        if (content_type := grants.content_type) is not None
    ]
    return joined(statements, "\n") if statements else _NOTHING
