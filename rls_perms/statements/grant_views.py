"""Views of guardian's grants: what the asking user is granted, and nothing of anybody else."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from rls_perms.identifiers import shortened
from rls_perms.keywords import Command
from rls_perms.statements.render import joined, template
from rls_perms.statements.row_security import Table

KeyKind = Literal["bigint", "uuid", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTable:
    """A generic table of guardian's, of users or of groups."""

    table: str
    holder: str
    content_type: str
    permission: str
    object: str
    #: Table of a user's groups, its column of the group, its column of the user.
    members: tuple[str, str, str] | None = None


def view_name(table: Table, command: Command, branch: Literal["user", "group"]) -> str:
    """One for each table, also where two schemas have tables of one name."""
    name = f"{table.name}_{command.action}_{branch}"
    return shortened(name, distinct=f"{table.schema}.{name}" if table.schema else None)


def empty_view(view: str, key_kind: KeyKind) -> sql.Composed:
    """A view without a row; its comment goes too, so that sync knows that it is empty."""
    emptied = template("empty_grant_view", view=sql.Identifier(view), type=sql.SQL(key_kind))
    return emptied + sql.SQL("\n") + comment(view, "") + sql.SQL(";")


def comment(view: str, digest: str) -> sql.Composed:
    """Write down which definition a view has, by a digest of its SQL."""
    return sql.SQL("COMMENT ON VIEW {} IS {}").format(
        sql.Identifier("rls_perms", view), sql.Literal(digest)
    )


def view(
    name: str,
    key_kind: KeyKind,
    source: GrantTable,
    content_type_id: int,
    permission_ids: Iterable[int],
) -> sql.Composed:
    """The view of one branch: direct grants, or those through groups."""
    key = template(f"{key_kind}_key", object=sql.Identifier(source.object))
    common = {
        "view": sql.Identifier(name),
        "key": key,
        "grants": sql.Identifier(source.table),
        "content_type": sql.Identifier(source.content_type),
        "content_type_id": sql.Literal(content_type_id),
        "permission": sql.Identifier(source.permission),
        "permission_ids": joined(sql.Literal(one) for one in sorted(permission_ids)),
    }
    if source.members is None:
        return template("user_grant_view", user=sql.Identifier(source.holder), **common)
    table, group, user = source.members
    return template(
        "group_grant_view",
        group=sql.Identifier(source.holder),
        members=sql.Identifier(table),
        member_group=sql.Identifier(group),
        member_user=sql.Identifier(user),
        **common,
    )
