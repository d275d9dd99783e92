"""What the library keeps in a database: its schema, functions and the map of roles."""

from dataclasses import dataclass

from psycopg import sql

from rls_perms.grants import Membership
from rls_perms.keywords import RoleKind
from rls_perms.limits import ADVICE, MOST
from rls_perms.roles import Mark, fixed_name
from rls_perms.statements import tenant_logins, tenants
from rls_perms.statements.altering import context_functions, put_policies_back
from rls_perms.statements.changes import membership_options
from rls_perms.statements.render import qualified, template
from rls_perms.statements.tenants import TenantTable

#: Any number will do, as long as nobody else takes it: the bytes of "rls_perm".
LOCK = int.from_bytes(b"rls_perm")

#: What the login role may call, with the types of the arguments.
LOGIN_FUNCTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("session_role", ("text", "text")),
    ("make_session_role", ("text", "text")),
    ("named_role", ("text",)),
    ("role_settings", ("text",)),
)

#: What it may call where contexts are signed: this, and nothing else of ours.
SIGNED_LOGIN_FUNCTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (("enter", ("text",)),)

#: What it may call, too, where each tenant has a role.
TENANT_FUNCTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("named_role_in_tenant", ("text", "text")),
    ("make_named_role", ("text", "text")),
)

#: What policies call.
CONTEXT_FUNCTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("user_id", ()),
    ("tenant_id", ()),
    ("setting", ("text",)),
    ("login_tenant", ()),
)

#: What they call beside these where contexts are signed.
PROVING_FUNCTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("planned_role", ()),
    ("proven", ()),
    ("proven_for", ("name",)),
    ("is_new_row", ("text", "jsonb")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTables:
    """
    Where the user model keeps what decides about a role.

    What a custom user model does not have is None: then nobody is inactive or a
    superuser, and nobody has groups or permissions of their own.
    """

    users: str
    key: str
    key_type: str
    active: str | None
    superuser: str | None
    username: str
    anonymous_username: str | None
    #: Table, column of the user, column of the group or permission.
    groups: tuple[str, str, str] | None
    permissions: tuple[str, str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipTables:
    """Where the project keeps which groups a user has in one tenant only."""

    table: str
    key: str
    user: str
    tenant: str
    tenant_type: str
    active: str | None
    #: Table, column of the membership, column of the group; of a foreign key to one group,
    #: the table of memberships itself.
    groups: tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What the text of the functions depends on."""

    prefix: str
    database: str
    guc_prefix: str
    user_type: str
    tenant_type: str
    users: UserTables
    memberships: MembershipTables | None
    #: Where each tenant has a role.
    tenants: TenantTable | None
    logins: tuple[str, ...]
    server_version: int
    #: Whoever is certainly no tenant's login: for them nothing is looked up.
    plain_logins: tuple[str, ...] = ()
    #: Whether policies see the context that a token proved, and no other.
    signed: bool = False


def tables() -> list[sql.Composed]:
    """The schema and its tables."""
    return [
        template("create_schema"),
        template("create_installation"),
        template("create_role_map"),
    ]


def remember(prefix: str, database: str) -> sql.Composed:
    """Write the prefix down, once."""
    return sql.SQL("INSERT INTO rls_perms.installation (prefix, database) VALUES ({}, {})").format(
        sql.Literal(prefix), sql.Literal(database)
    )


def remember_functions(digest: str) -> sql.Composed:
    """Write down which functions are installed, by a digest of their SQL."""
    return sql.SQL("UPDATE rls_perms.installation SET functions = {}").format(sql.Literal(digest))


def functions(wanted: Installed) -> list[sql.Composed]:
    """Every function, in an order in which each finds what it needs."""
    prefix = sql.Literal(wanted.prefix)
    return [
        # Here and not among the tables: an older installation lacks it.
        template("create_laid_aside"),
        template("create_laid_aside_reader"),
        template("create_tenant_login"),
        template("policies_using"),
        template("empty_grant_views"),
        template("lay_aside"),
        template("lay_policies_aside"),
        template("put_policies_back"),
        template("retype"),
        template("drop_policies"),
        template("clear_table"),
        template("release_column"),
        template("release_table"),
        *context_functions({"user_id": wanted.user_type, "tenant_id": wanted.tenant_type}),
        tenant_logins.login_tenant(wanted.prefix, wanted.database),
        # Signed or not, so that a policy finds what it calls whichever comes first.
        *_signing(wanted),
        *(_signed_context(wanted) if wanted.signed else _context(wanted)),
        put_policies_back(),
        _session_role(wanted),
        tenants.serving(wanted.logins, wanted.tenants),
        template(
            "make_combination",
            prefix=prefix,
            mark=sql.Literal(_mark_of_session(wanted)),
            everyone=sql.Literal(fixed_name(wanted.prefix, RoleKind.EVERYONE)),
            most=sql.Literal(MOST),
            advice=sql.Literal(ADVICE),
            part_options=_options(inherit=True, set_role=False, version=wanted.server_version),
            login_options=_options(inherit=False, set_role=True, version=wanted.server_version),
        ),
        _make_session_role(wanted),
        template("named_role", prefix=prefix),
        *_of_tenants(wanted),
        template("create_role_setting"),
        template("create_live_map"),
        template("live_map_digest"),
        template("live_digest"),
        template("role_settings"),
        template("create_gone"),
        template("cover_partitions"),
        template("close_table"),
        template("policy_digest"),
        template("seal"),
        template("trigger_digest"),
        template("seal_triggers"),
        template("ensure_role"),
        template("forget_new_row_function"),
        # What is new is PUBLIC's to call until somebody says otherwise.
        sql.SQL("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA rls_perms FROM PUBLIC;").format(),
    ]


def _signing(wanted: Installed) -> list[sql.Composed]:
    return [
        template("create_signing"),
        template("padded"),
        template("sealed"),
        template("planned_role"),
        template("proven", setting=sql.Literal(f"{wanted.guc_prefix}.proof")),
        template("proven_for", counts=tenant_logins.settings_count(wanted.plain_logins)),
        template("is_new_row"),
        template("enter"),
    ]


def _options(*, inherit: bool, set_role: bool, version: int) -> sql.SQL:
    return membership_options(Membership("", "", inherit, set_role), version)


def _mark_of_session(wanted: Installed) -> str:
    """The mark of a session role up to its id."""
    whole = str(Mark(wanted.prefix, wanted.database, RoleKind.SESSION, ""))
    return whole.removesuffix('""}')


def _context(wanted: Installed) -> list[sql.Composed]:
    counts = tenant_logins.settings_count(wanted.plain_logins)
    return [
        template(
            "user_id",
            type=sql.SQL(wanted.user_type),
            setting=sql.Literal(f"{wanted.guc_prefix}.user_id"),
            counts=counts,
        ),
        _tenant_id(wanted, counts),
        template("setting", prefix=sql.Literal(f"{wanted.guc_prefix}."), counts=counts),
    ]


def _signed_context(wanted: Installed) -> list[sql.Composed]:
    counts = tenant_logins.settings_count(wanted.plain_logins)
    return [
        template("signed_user_id", type=sql.SQL(wanted.user_type), counts=counts),
        _tenant_id(wanted, counts),
        template("signed_setting", counts=counts),
    ]


def _tenant_id(wanted: Installed, counts: sql.Composed) -> sql.Composed:
    type, setting = sql.SQL(wanted.tenant_type), sql.Literal(f"{wanted.guc_prefix}.tenant_id")
    if wanted.tenants is None:
        if wanted.signed:
            return template("signed_tenant_id", type=type, counts=counts)
        return template("tenant_id", type=type, setting=setting, counts=counts)
    if not wanted.signed:
        said = sql.SQL("nullif(pg_catalog.current_setting({}, true), '')::{}")
        value = said.format(setting, type)
        return tenants.tenant_id(wanted.tenants, wanted.prefix, type, value, counts)
    proved = sql.SQL("nullif(rls_perms.proven() OPERATOR(pg_catalog.->>) 't', '')::{}").format(type)
    made = tenants.tenant_id(wanted.tenants, wanted.prefix, type, proved, counts)
    # A worker has another backend's number than the proof.
    return made + sql.SQL("\nALTER FUNCTION rls_perms.tenant_id() PARALLEL RESTRICTED;")


def _of_tenants(wanted: Installed) -> list[sql.Composed]:
    if wanted.tenants is None:
        return [template("drop_tenant_functions")]
    lock = sql.Literal(LOCK)
    return tenants.functions(wanted.tenants, wanted.prefix, wanted.database, lock)


def _make_session_role(wanted: Installed) -> sql.Composed:
    lock, users = sql.Literal(LOCK), wanted.users
    if wanted.tenants is None:
        return template("make_session_role", lock=lock, held_parts=_held_parts(wanted))
    return template(
        "make_session_role_in_tenant",
        lock=lock,
        held_parts=_held_parts(wanted),
        active=_flag(users.active, default=True),
        superuser=_flag(users.superuser, default=False),
        users=_table(users.users),
        key=sql.Identifier(users.key),
        type=sql.SQL(users.key_type),
        tenant_type=sql.SQL(wanted.tenants.key_type),
        tenant_part=tenants.held(wanted.tenants),
    )


def _session_role(wanted: Installed) -> sql.Composed:
    def role(kind: RoleKind) -> sql.Literal:
        return sql.Literal(fixed_name(wanted.prefix, kind))

    users = wanted.users
    shared: dict[str, sql.Composable] = {
        "system": role(RoleKind.SYSTEM),
        "find_anonymous_user": _find_anonymous_user(users),
        "active": _flag(users.active, default=True),
        "superuser": _flag(users.superuser, default=False),
        "users": _table(users.users),
        "key": sql.Identifier(users.key),
        "type": sql.SQL(users.key_type),
        "held_parts": _held_parts(wanted),
    }
    if wanted.tenants is not None:
        return template(
            "session_role_in_tenant",
            **shared,
            tenant_type=sql.SQL(wanted.tenants.key_type),
            tenant_part=tenants.held(wanted.tenants),
            tenant_exists=tenants.exists(wanted.tenants),
        )
    return template(
        "session_role",
        **shared,
        anonymous=role(RoleKind.ANONYMOUS),
        superuser_role=role(RoleKind.SUPERUSER),
    )


def _find_anonymous_user(users: UserTables) -> sql.Composable:
    if users.anonymous_username is None:
        return sql.SQL("")
    return sql.SQL(
        "SELECT asking.{key}::text INTO user_id FROM {users} AS asking"
        " WHERE asking.{username} = {anonymous} AND {active};"
    ).format(
        key=sql.Identifier(users.key),
        users=_table(users.users),
        username=sql.Identifier(users.username),
        anonymous=sql.Literal(users.anonymous_username),
        active=_flag(users.active, default=True),
    )


def _held_parts(wanted: Installed) -> sql.Composable:
    users = wanted.users
    branches: list[sql.Composable] = [
        sql.SQL(
            "SELECT {letter} || held.{part} FROM {table} AS held WHERE held.{user} = asker::{type}"
        ).format(
            letter=sql.Literal(letter),
            part=sql.Identifier(through[2]),
            table=_table(through[0]),
            user=sql.Identifier(through[1]),
            type=sql.SQL(users.key_type),
        )
        for letter, through in (("g", users.groups), ("p", users.permissions))
        if through is not None
    ]
    if wanted.memberships is not None:
        branches.append(_parts_in_tenant(wanted.memberships, users.key_type))
    if not branches:
        return sql.SQL("SELECT NULL::text WHERE false")
    return sql.SQL(" UNION ALL ").join(branches)


def _parts_in_tenant(memberships: MembershipTables, user_type: str) -> sql.Composed:
    """The groups that the asker has in the tenant of the context, and in no other."""
    active: sql.Composable = sql.SQL("")
    if memberships.active is not None:
        active = sql.SQL(" AND member.{}").format(sql.Identifier(memberships.active))
    table, membership, group = memberships.groups
    return sql.SQL(
        "SELECT 'g' || held.{group} FROM {groups} AS held"
        " JOIN {members} AS member ON member.{key} = held.{membership}"
        " WHERE member.{user} = asker::{user_type} AND member.{tenant} = tenant::{tenant_type}"
        "{active}"
    ).format(
        group=sql.Identifier(group),
        groups=_table(table),
        members=_table(memberships.table),
        key=sql.Identifier(memberships.key),
        membership=sql.Identifier(membership),
        user=sql.Identifier(memberships.user),
        user_type=sql.SQL(user_type),
        tenant=sql.Identifier(memberships.tenant),
        tenant_type=sql.SQL(memberships.tenant_type),
        active=active,
    )


def _flag(column: str | None, *, default: bool) -> sql.Composable:
    if column is None:
        return sql.SQL("true" if default else "false")
    return sql.SQL("asking.{}").format(sql.Identifier(column))


def _table(name: str) -> sql.Identifier:
    # The functions run with an empty search path, so the name must say its schema.
    schema, _, table = name.rpartition(".")
    return qualified(schema, table)
