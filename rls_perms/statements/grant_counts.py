"""How many of guardian's grants a user holds; no question reads a whole table."""

from collections.abc import Iterable

from psycopg import sql

from rls_perms.statements.grant_views import GrantTable
from rls_perms.statements.render import literals
from rls_perms.statements.row_security import Table


def some_member(groups: GrantTable, group: str) -> sql.Composed:
    """A user who is in *group*."""
    table, of_group, of_user = _members(groups)
    return sql.SQL("SELECT {}::text FROM {} WHERE {} = {} LIMIT 1").format(
        of_user, table, of_group, sql.Literal(group)
    )


def held(
    users: GrantTable,
    groups: GrantTable,
    user: str,
    permissions: sql.Composable,
    limit: int,
) -> sql.Composed:
    """How many grants of *permissions* the user holds, with their groups; at most *limit*."""
    table, of_group, of_user = _members(groups)
    return sql.SQL(
        "SELECT count(*) FROM ("
        "SELECT FROM {users} AS own WHERE own.{user_of} = {user} AND own.{own_permission} IN"
        " ({permissions})"
        " UNION ALL"
        " SELECT FROM {groups} AS shared JOIN {members} AS member"
        " ON member.{of_group} = shared.{group_of}"
        " WHERE member.{of_user} = {user} AND shared.{shared_permission} IN ({permissions})"
        " LIMIT {limit}) AS found"
    ).format(
        users=users.table.identifier(),
        user_of=sql.Identifier(users.holder),
        own_permission=sql.Identifier(users.permission),
        groups=groups.table.identifier(),
        group_of=sql.Identifier(groups.holder),
        shared_permission=sql.Identifier(groups.permission),
        members=table,
        of_group=of_group,
        of_user=of_user,
        user=sql.Literal(user),
        permissions=permissions,
        limit=sql.Literal(limit),
    )


def permission_keys(
    permissions: Table, content_types: Table, key: tuple[str, str], codenames: Iterable[str]
) -> sql.Composed:
    """The keys of the permissions *codenames* on the content type of *key*: its label, its name."""
    return sql.SQL(
        "SELECT permission.id FROM {} AS permission JOIN {} AS content_type"
        " ON content_type.id = permission.content_type_id"
        " WHERE content_type.app_label = {} AND content_type.model = {}"
        " AND permission.codename IN ({})"
    ).format(
        permissions.identifier(),
        content_types.identifier(),
        sql.Literal(key[0]),
        sql.Literal(key[1]),
        literals(codenames),
    )


def without_jit(login: str) -> sql.Composed:
    return sql.SQL("ALTER ROLE {} SET jit = off;").format(sql.Identifier(login))


def _members(groups: GrantTable) -> tuple[sql.Identifier, sql.Identifier, sql.Identifier]:
    if groups.members is None:
        raise ValueError(f"{groups} is no table of grants to groups.")
    table, of_group, of_user = groups.members
    return sql.Identifier(table), sql.Identifier(of_group), sql.Identifier(of_user)
