"""Views of guardian's grants: what the asking user is granted, and nothing of anybody else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from rls_perms.identifiers import shortened
from rls_perms.keywords import Command
from rls_perms.statements.render import identifiers, joined, literals, template
from rls_perms.statements.row_security import Table

Branch = Literal["user", "group"]

#: Types of keys that guardian's texts are turned into -> the type of the views' keys. With a
#: foreign key to the row, any other type will do, and is its own.
GENERIC_KINDS = {
    "smallint": "bigint",
    "integer": "bigint",
    "bigint": "bigint",
    "uuid": "uuid",
    "text": "text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTable:
    """A table of guardian's, of grants to users or to groups."""

    table: Table
    holder: str
    #: None in a table with a foreign key to the row itself.
    content_type: str | None
    permission: str
    #: The text of a key, or the foreign key.
    object: str
    #: Table of a user's groups, its column of the group, its column of the user.
    members: tuple[str, str, str] | None = None


def view_name(table: Table, command: Command, branch: Branch) -> str:
    """One for each table, also where two schemas have tables of one name."""
    name = f"{table.name}_{command.action}_{branch}"
    return shortened(name, distinct=f"{table.schema}.{name}" if table.schema else None)


def empty_view(view: str, key_kind: str) -> sql.Composed:
    """A view without a row; its comment goes too, so that sync knows that it is empty."""
    emptied = template("empty_grant_view", view=sql.Identifier(view), type=sql.SQL(key_kind))
    return emptied + sql.SQL("\n") + comment(view, "") + sql.SQL(";")


def comment(view: str, digest: str) -> sql.Composed:
    """Write down which definition a view has, by a digest of its SQL."""
    return sql.SQL("COMMENT ON VIEW {} IS {}").format(
        sql.Identifier("rls_perms", view), sql.Literal(digest)
    )


def view(name: str, parts: Sequence[sql.Composed]) -> sql.Composed:
    """The view of one branch, of all that *parts* select."""
    one = parts[0] if len(parts) == 1 else _all_of(parts)
    return template("grant_view", view=sql.Identifier(name), keys=one)


def _all_of(parts: Sequence[sql.Composed]) -> sql.Composed:
    return template("all_keys", parts=joined(parts, "\nUNION ALL\n"))


def grants(
    source: GrantTable,
    key_kind: str,
    content_type_id: object,
    permission_ids: Iterable[object],
    child: tuple[Table, str] | None = None,
) -> sql.Composed:
    """
    The keys that one table grants to the asking user, or to a group of theirs.

    Grants on a multi-table *child*, by its table and key, count where there is such a row.
    """
    object_text = sql.Identifier("granted", source.object)
    key = granted_key(source, key_kind)
    conditions = [
        sql.SQL("granted.{} IN ({})").format(
            sql.Identifier(source.permission),
            joined(sql.Literal(one) for one in sorted(permission_ids, key=str)),
        )
    ]
    if source.content_type is not None:
        conditions.append(
            sql.SQL("granted.{} = {}").format(
                sql.Identifier(source.content_type), sql.Literal(content_type_id)
            )
        )
        if key_kind != "text":
            # With this, PostgreSQL takes the keys from the index that holds them, which it would
            # otherwise not prefer: it knows no price of making them anew.
            conditions.append(sql.SQL("{} IS NOT NULL").format(key))
    if child is not None:
        table, column = child
        conditions.append(
            sql.SQL("EXISTS (SELECT FROM {} AS present WHERE present.{} = {})").format(
                table.identifier(), sql.Identifier(column), key
            )
        )
    common = {
        "key": key,
        "text": sql.SQL('{}::text COLLATE "default"').format(object_text),
        "grants": source.table.identifier(),
        "conditions": joined(conditions, "\n   AND "),
    }
    if source.members is None:
        return template("user_grants", user=sql.Identifier(source.holder), **common)
    members, group, user = source.members
    return template(
        "group_grants",
        group=sql.Identifier(source.holder),
        members=sql.Identifier(members),
        member_group=sql.Identifier(group),
        member_user=sql.Identifier(user),
        **common,
    )


def granted_key(source: GrantTable, key_kind: str) -> sql.Composed:
    """The key that a grant is on; NULL where a text is none."""
    column = sql.Identifier("granted", source.object)
    if source.content_type is None:
        name = "direct_text_key" if key_kind == "text" else "direct_key"
        return template(name, object=column, type=sql.SQL(key_kind))
    return template(f"{key_kind}_key", object=column)


def child_rows(table: Table, column: str, key_kind: str, gate: str) -> sql.Composed:
    """The keys of those rows of a multi-table child that *gate* lets the asker have."""
    return template(
        "child_rows",
        name=sql.Identifier(table.name),
        key=sql.Identifier(column),
        type=sql.SQL(key_kind),
        child=table.identifier(),
        gate=sql.SQL(gate),
    )


def gone_parts(sources: Iterable[str], key_kind: str) -> sql.Composed:
    """The keys of the children that the asker deleted in this transaction."""
    return template(
        "gone_keys",
        type=sql.SQL(key_kind),
        sources=literals(sources),
        holder=sql.SQL(
            "= pg_catalog.concat_ws(' ', pg_catalog.current_setting('role'), rls_perms.user_id())"
        ),
    )


def gone_grants(source: str, grants: GrantTable, key_kind: str) -> sql.Composed:
    """The keys whose grants to delete them this transaction took away, by foreign key."""
    if grants.members is None:
        holder = sql.SQL("= rls_perms.user_id()::text").format()
    else:
        members, group, user = grants.members
        holder = template(
            "any_group",
            members=sql.Identifier(members),
            member_group=sql.Identifier(group),
            member_user=sql.Identifier(user),
        )
    return template("gone_keys", type=sql.SQL(key_kind), sources=literals([source]), holder=holder)


def create_index(name: str, table: Table, columns: Iterable[str]) -> sql.Composed:
    """The index that a check offers."""
    return sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} ({});").format(
        sql.Identifier(name), table.identifier(), identifiers(columns)
    )


def create_key_index(name: str, source: GrantTable, key_kind: str) -> sql.Composed:
    """
    The index that holds the keys, made of guardian's texts, of what each user is granted.

    It includes what else the views ask, or PostgreSQL would not read it alone.
    """
    return template(
        "key_index",
        name=sql.Identifier(name),
        table=source.table.identifier(),
        holder=sql.Identifier(source.holder),
        content_type=sql.Identifier(str(source.content_type)),
        key=template(f"{key_kind}_key", object=sql.Identifier(source.object)),
        included=identifiers([source.permission, source.object]),
    )
