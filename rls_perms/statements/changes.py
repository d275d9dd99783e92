"""The statement of each change of a plan."""

from functools import singledispatch

from psycopg import sql

from rls_perms import plan
from rls_perms.grants import DatabaseObject, Membership
from rls_perms.keywords import ObjectKind
from rls_perms.statements.render import identifiers, joined, qualified
from rls_perms.statements.render import text as as_text

#: The first PostgreSQL that keeps INHERIT and SET with each membership.
MEMBERSHIP_OPTIONS = 160000


@singledispatch
def statement(change: object, server_version: int) -> sql.Composed:
    """The SQL of one change, for a server of *server_version* (as in 150004)."""
    raise TypeError(f"{change!r} is no change of a plan.")


@statement.register
def _(change: plan.RenameRole, server_version: int) -> sql.Composed:
    return sql.SQL("ALTER ROLE {} RENAME TO {}").format(
        sql.Identifier(change.old), sql.Identifier(change.new)
    )


@statement.register
def _(change: plan.CreateRole, server_version: int) -> sql.Composed:
    name = sql.Identifier(change.role.name)
    return sql.SQL("CREATE ROLE {} NOLOGIN; COMMENT ON ROLE {} IS {}").format(
        name, name, sql.Literal(str(change.role.mark))
    )


@statement.register
def _(change: plan.DropRole, server_version: int) -> sql.Composed:
    return sql.SQL("DROP ROLE {}").format(sql.Identifier(change.role.name))


@statement.register
def _(change: plan.MarkRole, server_version: int) -> sql.Composed:
    return sql.SQL("COMMENT ON ROLE {} IS {}").format(
        sql.Identifier(change.role.name), sql.Literal(str(change.role.mark))
    )


@statement.register
def _(change: plan.ResetRole, server_version: int) -> sql.Composed:
    return sql.SQL("ALTER ROLE {} {}").format(
        sql.Identifier(change.name), joined((sql.SQL(word) for word in change.attributes), " ")
    )


@statement.register
def _(change: plan.AddMembership, server_version: int) -> sql.Composed:
    membership = change.membership
    return sql.SQL("GRANT {} TO {}{}").format(
        sql.Identifier(membership.role),
        sql.Identifier(membership.member),
        membership_options(membership, server_version),
    )


@statement.register
def _(change: plan.RemoveMembership, server_version: int) -> sql.Composed:
    membership = change.membership
    revoke = sql.SQL("REVOKE {} FROM {}").format(
        sql.Identifier(membership.role), sql.Identifier(membership.member)
    )
    if membership.grantor and server_version >= MEMBERSHIP_OPTIONS:
        revoke += sql.SQL(" GRANTED BY {}").format(sql.Identifier(membership.grantor))
    # With what the member itself made of it, where it had been given ADMIN OPTION.
    return sql.Composed([revoke, sql.SQL(" CASCADE")])


@statement.register
def _(change: plan.GrantPrivileges, server_version: int) -> sql.Composed:
    return sql.SQL("GRANT {} ON {} TO {}").format(
        _privileges(change), _object(change.object), _grantee(change.role)
    )


@statement.register
def _(change: plan.RevokePrivileges, server_version: int) -> sql.Composed:
    # With what the role itself made of it, where it had been given GRANT OPTION.
    return sql.SQL("REVOKE {} ON {} FROM {} CASCADE").format(
        _privileges(change), _object(change.object), _grantee(change.role)
    )


@statement.register
def _(change: plan.Define, server_version: int) -> sql.Composed:
    # Rendered by another module of this layer already.
    return sql.Composed([sql.SQL(change.definition.sql)])


@statement.register
def _(change: plan.Record, server_version: int) -> sql.Composed:
    entry = change.entry
    return sql.SQL("INSERT INTO rls_perms.role_map (kind, key, role) VALUES ({}, {}, {})").format(
        *(sql.Literal(value) for value in (entry.kind, entry.key, entry.role))
    )


@statement.register
def _(change: plan.Forget, server_version: int) -> sql.Composed:
    return sql.SQL("DELETE FROM rls_perms.role_map WHERE kind = {} AND key = {}").format(
        sql.Literal(change.entry.kind), sql.Literal(change.entry.key)
    )


@statement.register
def _(change: plan.SetParameter, server_version: int) -> sql.Composed:
    one = change.setting
    values = joined(sql.Literal(value) for value in (one.role, one.name, one.value, one.position))
    return sql.SQL(
        "INSERT INTO rls_perms.role_setting (role, name, value, position) VALUES ({})"
    ).format(values)


@statement.register
def _(change: plan.ResetParameter, server_version: int) -> sql.Composed:
    return sql.SQL("DELETE FROM rls_perms.role_setting WHERE role = {} AND name = {}").format(
        sql.Literal(change.setting.role), sql.Literal(change.setting.name)
    )


def script(changes: plan.Plan, server_version: int) -> str:
    """All changes as one transaction, each under its sentence: to be pasted into psql."""
    if not changes:
        return "-- Nothing to do.\n"
    lines = ["BEGIN;"]
    for change in changes:
        text = as_text(statement(change, server_version)).rstrip().removesuffix(";")
        lines += ["", *(f"-- {line}" for line in str(change).splitlines()), f"{text};"]
    return "\n".join([*lines, "", "COMMIT;", ""])


def membership_options(membership: Membership, server_version: int) -> sql.SQL:
    """What follows GRANT .. TO ..: nothing before PostgreSQL 16, which has no options."""
    if server_version < MEMBERSHIP_OPTIONS:
        return sql.SQL("")
    inherit = sql.SQL("TRUE" if membership.inherit else "FALSE")
    set_role = sql.SQL("TRUE" if membership.set_role else "FALSE")
    return sql.SQL(" WITH INHERIT {}, SET {}").format(inherit, set_role)  # type: ignore[return-value]


def _privileges(change: plan.GrantPrivileges | plan.RevokePrivileges) -> sql.Composed:
    words = joined(sql.SQL(privilege) for privilege in change.privileges)
    if not change.columns:
        return words
    return sql.SQL("{} ({})").format(words, identifiers(change.columns))


def _object(target: DatabaseObject) -> sql.Composed:
    if target.kind in (ObjectKind.SCHEMA, ObjectKind.DATABASE):
        return sql.SQL("{} {}").format(sql.SQL(target.kind), sql.Identifier(target.name))
    name = qualified(target.schema, target.name)
    if target.arguments is not None:
        # Types come from PostgreSQL's own format_type(), never from outside.
        arguments = sql.SQL(", ").join([sql.SQL(type_) for type_ in target.arguments])
        return sql.SQL("FUNCTION {}({})").format(name, arguments)
    return sql.SQL("{} {}").format(sql.SQL(target.kind), name)


def _grantee(role: str) -> sql.Composable:
    return sql.SQL("PUBLIC") if role == PUBLIC else sql.Identifier(role)


#: How a grant to everybody in the cluster is written in a State: no role can be called so.
PUBLIC = "public"
