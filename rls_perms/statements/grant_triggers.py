"""Triggers by which guardian's grants follow the rows that they are on."""

from collections.abc import Iterable
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
    user_grants: GrantTable | None
    #: The tables whose grants go with a row.
    removed: tuple[GrantTable, ...]
    #: Whether it is the child of a multi-table parent, whose part of a row goes after it.
    is_part: bool
    #: Roles that are nobody's creator.
    unbound: tuple[str, ...]
    #: The role to which those of visitors belong, who are none either.
    visitors: str

    def __bool__(self) -> bool:
        return bool(self.creator or self.removed or self.is_part)


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
            on_insert=_grant_to_creator(wanted),
            on_delete=_on_delete(wanted),
            on_update=_forget("forget_grants_of_key", wanted),
            on_truncate=_forget_all(wanted),
        ),
    ]
    if wanted.creator:
        nobodys = {"unbound": literals(wanted.unbound), "visitors": sql.Literal(wanted.visitors)}
        parts.append(template("creator_trigger", insert=_NAMES["insert"], **nobodys, **at))
    if wanted.removed or wanted.is_part:
        parts.append(template("gone_trigger", delete=_NAMES["delete"], **at))
    if wanted.removed:
        names = {name: _NAMES[name] for name in ("update", "truncate")}
        parts.append(template("forget_triggers", key=sql.Identifier(wanted.key), **names, **at))
    return joined(parts, "\n")


def follow_grants(
    function: str, grants: GrantTable, permission_ids: Iterable[object]
) -> sql.Composed:
    """The trigger of a table of grants by foreign key: those to delete the row are remembered."""
    at = {"table": grants.table.identifier(), "function": sql.Identifier(function)}
    remembered = template(
        "remember_grants",
        source=sql.Literal(function),
        object=sql.Identifier(grants.object),
        holder=sql.Identifier(grants.holder),
        permission=sql.Identifier(grants.permission),
        permission_ids=joined(sql.Literal(one) for one in permission_ids),
    )
    parts = [
        template("drop_follow_triggers", table=grants.table.identifier(), **_NAMES),
        template(
            "follow_grants_function",
            function=sql.Identifier(function),
            forget_past=template("forget_past"),
            remember=remembered,
        ),
        template("gone_trigger", delete=_NAMES["delete"], **at),
    ]
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
    if grants is None or not wanted.creator:
        return _NOTHING
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


def _on_delete(wanted: Following) -> sql.Composed:
    if not wanted.is_part:
        return _forget("forget_grants", wanted)
    remembered = template(
        "remember_parts", source=sql.Literal(wanted.function), key=sql.Identifier(wanted.key)
    )
    forgotten = _forget("forget_grants", wanted)
    return joined([template("forget_past"), remembered, forgotten], "\n")


def _forget(name: str, wanted: Following) -> sql.Composed:
    statements = [
        template(
            name,
            grants=grants.table.identifier(),
            conditions=_of_model(grants, wanted),
            object=sql.Identifier(grants.object),
            key=sql.Identifier(wanted.key),
            text=sql.SQL("" if grants.content_type is None else "::text"),
        )
        for grants in wanted.removed
    ]
    return joined(statements, "\n") if statements else _NOTHING


def _of_model(grants: GrantTable, wanted: Following) -> sql.Composed:
    """Generic tables hold grants on rows of every model."""
    if grants.content_type is None:
        return sql.Composed([])
    return sql.SQL("granted.{} = {} AND ").format(
        sql.Identifier(grants.content_type), sql.Literal(wanted.content_type_id)
    )


def _forget_all(wanted: Following) -> sql.Composed:
    statements = [
        template(
            "forget_all_grants",
            grants=grants.table.identifier(),
            content_type=sql.Identifier(grants.content_type),
            content_type_id=sql.Literal(wanted.content_type_id),
        )
        for grants in wanted.removed
        # One with a foreign key to the table can only be emptied along with it.
        if grants.content_type is not None
    ]
    return joined(statements, "\n") if statements else _NOTHING
