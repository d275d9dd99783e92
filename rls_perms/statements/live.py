"""What follows the auth tables by itself: the map of roles and privileges, and the triggers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from rls_perms.grants import Membership
from rls_perms.identifiers import MAX_BYTES, digest
from rls_perms.keywords import Privilege, RoleKind
from rls_perms.roles import RESERVED, RESERVED_STARTS, Mark, fixed_name
from rls_perms.statements.changes import MEMBERSHIP_OPTIONS, membership_options
from rls_perms.statements.install import LOCK
from rls_perms.statements.render import joined, literals, regclass, template
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Table
from rls_perms.statements.tenants import TenantTable, part_of

#: How often a trigger tries again where another database of the cluster is at it, too.
ATTEMPTS = 20


@dataclass(frozen=True, order=True, slots=True)
class KnownRole:
    """
    The role of a group that settings or a policy name, or of a permission.

    A permission that is *asked* has its role though no user holds it directly.
    """

    kind: str
    name: str
    role: str
    asked: bool = False


@dataclass(frozen=True, order=True, slots=True)
class KnownGrant:
    """A privilege that a permission is, or that a role has whatever it is permitted."""

    kind: str
    name: str
    schema: str
    object: str
    privilege: Privilege
    #: None are all of the object.
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveMap:
    """What groups and permissions mean."""

    roles: frozenset[KnownRole]
    grants: frozenset[KnownGrant]

    @property
    def digest(self) -> str:
        """As ``rls_perms.live_map_digest()`` makes it of the tables."""
        lines = [
            "\t".join(["role", one.kind, one.name, one.role, str(one.asked).lower()])
            for one in self.roles
        ]
        for grant in self.grants:
            said = ["grant", grant.kind, grant.name, grant.schema, grant.object, grant.privilege]
            lines.append("\t".join([*said, ",".join(grant.columns)]))
        # In the order of bytes, which is COLLATE "C" in a database.
        return digest("\n".join(sorted(lines, key=str.encode)), 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTables:
    """Where groups, permissions and who holds them are kept; tables with their schema."""

    permissions: Table
    permission_key: str
    codename: str
    content_type: str
    content_types: Table
    content_type_key: str
    app_label: str
    model: str
    groups: Table
    group_key: str
    group_key_type: str
    #: Where the name is: a group model that inherits has it in another table.
    names: Table
    names_key: str
    name: str
    #: Table, column of the holder, column of the permission.
    group_permissions: tuple[Table, str, str]
    user_permissions: tuple[Table, str, str] | None

    def tables(self) -> list[Table]:
        """All of them, each once."""
        found = [self.content_types, self.permissions, self.groups, self.names]
        found.append(self.group_permissions[0])
        if self.user_permissions is not None:
            found.append(self.user_permissions[0])
        return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the text of the triggers and their functions depends on."""

    prefix: str
    database: str
    owner: str
    tables: AuthTables
    logins: tuple[str, ...]
    server_version: int
    #: Where each tenant has a role.
    tenants: TenantTable | None = None

    def followed(self) -> list[Table]:
        """The tables that have triggers, each once."""
        found = self.tables.tables()
        if self.tenants is not None:
            found.append(self.tenants.named)
        return list(dict.fromkeys(found))


def fill(known: LiveMap) -> sql.Composed:
    """Write the map anew."""
    return joined(
        [
            sql.SQL("DELETE FROM rls_perms.known_role;"),
            *_insert(
                "known_role", ((one.kind, one.name, one.role, one.asked) for one in known.roles)
            ),
            sql.SQL("DELETE FROM rls_perms.known_grant;"),
            *_insert(
                "known_grant",
                (
                    (
                        one.kind,
                        one.name,
                        one.schema,
                        one.object,
                        str(one.privilege),
                        list(one.columns),
                    )
                    for one in known.grants
                ),
            ),
        ],
        "\n",
    )


def _insert(table: str, rows: Iterable[tuple[object, ...]]) -> Iterable[sql.Composed]:
    values = [
        sql.SQL("({})").format(joined(sql.Literal(value) for value in row)) for row in sorted(rows)
    ]
    if values:
        yield sql.SQL("INSERT INTO {} VALUES {};").format(
            sql.Identifier("rls_perms", table), joined(values)
        )


def functions(wanted: Live) -> dict[str, sql.Composed]:
    """The functions by name, in an order in which each finds what it needs."""
    auth = wanted.tables
    version = wanted.server_version
    has_options = version >= MEMBERSHIP_OPTIONS
    prefix = sql.Literal(wanted.prefix)
    most = sql.Literal(MAX_BYTES)
    part_options = membership_options(Membership("", "", inherit=True, set_role=False), version)
    login_options = membership_options(Membership("", "", inherit=False, set_role=True), version)
    revoke = sql.SQL(
        "REVOKE %I FROM %I GRANTED BY %I CASCADE" if has_options else "REVOKE %I FROM %I CASCADE"
    )
    # Of PostgreSQL 16; before, a membership has no options, and whoever makes roles ends any.
    is_part, is_login, reached = (
        sql.SQL(condition if has_options else "true")
        for condition in (
            "held.inherit_option AND NOT held.set_option",
            "held.set_option AND NOT held.inherit_option",
            "pg_has_role(held.grantor, 'USAGE')",
        )
    )
    groups, permissions, held = _groups(auth), _permissions(auth), _held(auth)
    group_mark = sql.Literal(_open_mark(wanted, RoleKind.GROUP))
    found = {
        "live_lock": template("live_lock", lock=sql.Literal(LOCK)),
        "live_shortened": template("live_shortened", most=most),
        "live_name": template(
            "live_name",
            prefix=prefix,
            most=most,
            reserved=_array(sorted(RESERVED)),
            reserved_starts=_array(RESERVED_STARTS),
        ),
        "live_grants": template("live_grants"),
        "live_belongs": template(
            "live_belongs",
            revoke=revoke,
            reached=reached,
            part_options=part_options,
            is_part=is_part,
        ),
        "live_expel": template("live_expel", revoke=revoke, reached=reached),
        "live_make": template("live_make"),
        "live_stand": template(
            "live_stand",
            everyone=sql.Literal(fixed_name(wanted.prefix, RoleKind.EVERYONE)),
            logins=_array(wanted.logins),
            login_options=login_options,
            is_login=is_login,
        ),
        "live_retire": template("live_retire"),
        "live_permission": template(
            "live_permission",
            permissions=permissions,
            holders=_holders(auth),
            direct_holders=_direct_holders(auth, "named"),
            held=held,
            mark=sql.Literal(_open_mark(wanted, RoleKind.PERMISSION) + ', "id": '),
            part_options=part_options,
        ),
        "live_group": template(
            "live_group",
            groups=groups,
            held=held,
            mark=group_mark,
            type=sql.SQL(auth.group_key_type),
        ),
        "live_less": template(
            "live_less",
            groups=groups,
            permissions=permissions,
            held=held,
            holders=_holders(auth),
            direct_holders=_direct_holders(auth, "changed"),
            type=sql.SQL(auth.group_key_type),
        ),
        "live_follow": template("live_follow", attempts=sql.Literal(ATTEMPTS)),
        "live_all": template("live_all", groups=groups, tenants=_tenants(wanted.tenants)),
        "live_on_permission": template(
            "live_on_permission",
            permissions=permissions,
            key=sql.Identifier(auth.permission_key),
            codename=sql.Identifier(auth.codename),
            content_type=sql.Identifier(auth.content_type),
            group=sql.Identifier(auth.group_permissions[1]),
            permission=sql.Identifier(auth.group_permissions[2]),
            group_permissions=auth.group_permissions[0].identifier(),
        ),
        "live_on_content_type": template(
            "live_on_content_type",
            key=sql.Identifier(auth.content_type_key),
            app_label=sql.Identifier(auth.app_label),
        ),
        "live_on_group_permission": template(
            "live_on_group_permission",
            of_new=_concerned_groups(auth, "changed_new"),
            of_old=_concerned_groups(auth, "changed_old"),
        ),
        "live_on_group": template(
            "live_on_group",
            function=sql.Identifier("live_on_group"),
            key=sql.Identifier(auth.names_key),
            name=sql.Identifier(auth.name),
        ),
    }
    if auth.names != auth.groups:
        found["live_on_group_itself"] = template(
            "live_on_group",
            function=sql.Identifier("live_on_group_itself"),
            key=sql.Identifier(auth.group_key),
            name=sql.Identifier(auth.group_key),
        )
    if wanted.tenants is not None:
        of_tenants = {
            "tenants": wanted.tenants.named.identifier(),
            "key": sql.Identifier(wanted.tenants.key),
            "type": sql.SQL(wanted.tenants.key_type),
        }
        part = part_of(wanted.tenants.key_type, sql.SQL("tenant"))
        found["live_tenant"] = template("live_tenant", **of_tenants, part=part)
        found["live_on_tenant"] = template("live_on_tenant", key=of_tenants["key"])
    if auth.user_permissions is not None:
        found["live_on_user_permission"] = template(
            "live_on_user_permission",
            permissions=permissions,
            permission=sql.Identifier(auth.user_permissions[2]),
        )
    return found


def triggers(wanted: Live) -> Iterable[sql.Composed]:
    """The triggers of each table."""
    auth = wanted.tables
    if wanted.tenants is not None:
        yield template(
            "live_triggers_of_tenants",
            table=wanted.tenants.named.identifier(),
            key=sql.Identifier(wanted.tenants.key),
        )
    followed = {
        "live_on_content_type": auth.content_types,
        "live_on_permission": auth.permissions,
        "live_on_group": auth.names,
        "live_on_group_permission": auth.group_permissions[0],
    }
    if auth.names != auth.groups:
        followed["live_on_group_itself"] = auth.groups
    if auth.user_permissions is not None:
        yield template(
            "live_triggers_of_users",
            table=auth.user_permissions[0].identifier(),
            function=sql.Identifier("live_on_user_permission"),
        )
    for function, table in followed.items():
        yield template("live_triggers", table=table.identifier(), function=sql.Identifier(function))


def install(wanted: Live) -> sql.Composed:
    """Functions and triggers."""
    made = functions(wanted)
    settled = template(
        "settle_live",
        tables=sql.SQL("ARRAY[{}]").format(
            joined(regclass(one.schema, one.name) for one in wanted.followed())
        ),
        functions=_array(made),
        owner=sql.Literal(wanted.owner),
    )
    return joined([*made.values(), *triggers(wanted), settled], "\n")


def seal(made_of: str) -> sql.Composed:
    """Write down of which SQL the triggers were made, and what they are by now."""
    return sql.SQL(
        "UPDATE rls_perms.installation SET live = {} || ' ' || rls_perms.live_digest();"
    ).format(sql.Literal(made_of))


def drop() -> sql.Composed:
    return template("drop_live")


def lock_tables(tables: Iterable[Table]) -> sql.Composed:
    """Wait for whoever writes to *tables*, and let nobody begin, as CREATE TRIGGER does."""
    return sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(
        joined(one.identifier() for one in tables)
    )


#: Rather than wait for one that waits for us.
SHORT_PATIENCE = "SET LOCAL lock_timeout = '200ms'"
PATIENCE = "SET LOCAL lock_timeout TO DEFAULT"


def _open_mark(wanted: Live, kind: RoleKind) -> str:
    """The mark of a role of *kind* up to its id."""
    return str(Mark(wanted.prefix, wanted.database, kind)).removesuffix("}")


def _tenants(tenants: TenantTable | None) -> sql.Composable:
    """The keys of all tenants, if each has a role."""
    if tenants is None:
        return sql.SQL("SELECT NULL::text WHERE false")
    return sql.SQL("SELECT one.{}::text FROM {} AS one").format(
        sql.Identifier(tenants.key), tenants.named.identifier()
    )


def _array(values: Iterable[str]) -> sql.Composed:
    return sql.SQL("ARRAY[{}]::text[]").format(literals(values))


def _groups(auth: AuthTables) -> sql.Composed:
    if auth.names == auth.groups:
        return sql.SQL("SELECT one.{} AS id, one.{} AS name FROM {} AS one").format(
            sql.Identifier(auth.group_key), sql.Identifier(auth.name), auth.groups.identifier()
        )
    return sql.SQL(
        "SELECT one.{key} AS id, named.{name} AS name FROM {groups} AS one"
        " JOIN {names} AS named ON named.{names_key} = one.{key}"
    ).format(
        key=sql.Identifier(auth.group_key),
        name=sql.Identifier(auth.name),
        groups=auth.groups.identifier(),
        names=auth.names.identifier(),
        names_key=sql.Identifier(auth.names_key),
    )


def _permissions(auth: AuthTables) -> sql.Composed:
    return sql.SQL(
        "SELECT one.{key} AS id, one.{key}::text AS key, type.{model} AS model,"
        " type.{app_label} || '.' || one.{codename} AS name"
        " FROM {permissions} AS one JOIN {content_types} AS type"
        " ON type.{content_type_key} = one.{content_type}"
    ).format(
        key=sql.Identifier(auth.permission_key),
        model=sql.Identifier(auth.model),
        app_label=sql.Identifier(auth.app_label),
        codename=sql.Identifier(auth.codename),
        permissions=auth.permissions.identifier(),
        content_types=auth.content_types.identifier(),
        content_type_key=sql.Identifier(auth.content_type_key),
        content_type=sql.Identifier(auth.content_type),
    )


def _held(auth: AuthTables) -> sql.Composed:
    """Key of a group, and name of a permission that it has."""
    table, group, permission = auth.group_permissions
    return sql.SQL(
        "SELECT given.{group} AS id, permission.name FROM {table} AS given"
        " JOIN ({permissions}) AS permission ON permission.id = given.{permission}"
    ).format(
        group=sql.Identifier(group),
        table=table.identifier(),
        permissions=_permissions(auth),
        permission=sql.Identifier(permission),
    )


def _holders(auth: AuthTables) -> sql.Composable:
    """The table of permissions that users hold directly, as a value."""
    if auth.user_permissions is None:
        return sql.SQL("NULL::text")
    return sql.Literal(as_text(auth.user_permissions[0].identifier()))


def _direct_holders(auth: AuthTables, named: LiteralString) -> sql.Composable:
    """Whoever holds the permission directly that the variable *named* names."""
    if auth.user_permissions is None:
        return sql.SQL("SELECT WHERE false")
    table, _, permission = auth.user_permissions
    return sql.SQL(
        "SELECT FROM {table} AS given"
        " JOIN ({permissions}) AS permission ON permission.id = given.{permission}"
        " WHERE permission.name = {named}"
    ).format(
        named=sql.SQL(named),
        table=table.identifier(),
        permissions=_permissions(auth),
        permission=sql.Identifier(permission),
    )


def _concerned_groups(auth: AuthTables, changed: str) -> sql.Composed:
    """Groups of the rows in *changed* whose permission means something, or is gone."""
    _, group, permission = auth.group_permissions
    return sql.SQL(
        "SELECT DISTINCT given.{group}::text FROM {changed} AS given"
        " LEFT JOIN ({permissions}) AS permission ON permission.id = given.{permission}"
        " WHERE permission.id IS NULL OR permission.name IN"
        " (SELECT name FROM rls_perms.known_role WHERE kind = 'permission')"
    ).format(
        group=sql.Identifier(group),
        changed=sql.Identifier(changed),
        permissions=_permissions(auth),
        permission=sql.Identifier(permission),
    )
