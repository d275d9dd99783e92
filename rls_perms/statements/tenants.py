"""A role for each tenant: what it is called, and the functions that make and find such roles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import sql

from rls_perms.keywords import RoleKind
from rls_perms.roles import Mark, fixed_name, tenant_digits, tenant_room
from rls_perms.statements.render import joined, literals, template
from rls_perms.statements.row_security import Table

#: Types whose text is digits, letters and hyphens, with the longest that it can be.
_PLAIN = {"smallint": 6, "integer": 11, "bigint": 20, "uuid": 36}


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantTable:
    """Where the tenants are, and which login serves which of them."""

    #: With its schema.
    table: str
    key: str
    key_type: str
    #: Login -> keys of the tenants that it serves, and no other; the others serve the rest.
    shares: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def named(self) -> Table:
        """The table as one of a schema."""
        schema, _, name = self.table.rpartition(".")
        return Table(name, schema)


def tenant_id(
    tenants: TenantTable, prefix: str, type: sql.SQL, value: sql.Composed
) -> sql.Composed:
    """The function that answers only where the role and *value*, the tenant, say the same."""
    return template(
        "tenant_id_of_role",
        type=type,
        value=value,
        name=role_name(prefix, tenants.key_type, sql.SQL("{}::text").format(value)),
        system=sql.Literal(fixed_name(prefix, RoleKind.SYSTEM)),
    )


def functions(
    tenants: TenantTable, prefix: str, database: str, lock: sql.Literal
) -> list[sql.Composed]:
    """What finds and makes the roles of tenants, and of combinations in one."""
    shared = {
        "tenants": tenants.named.identifier(),
        "key": sql.Identifier(tenants.key),
        "type": sql.SQL(tenants.key_type),
        "part": part_of(tenants.key_type, sql.SQL("tenant")),
    }
    mark = str(Mark(prefix, database, RoleKind.TENANT, "")).removesuffix('""}')
    return [
        template("role_in_tenant", **shared),
        template(
            "make_tenant_role",
            **shared,
            name=role_name(prefix, tenants.key_type, sql.SQL("tenant")),
            mark=sql.Literal(mark),
        ),
        template("named_role_in_tenant", type=shared["type"]),
        template("make_named_role", type=shared["type"], part=shared["part"], lock=lock),
    ]


def serving(logins: tuple[str, ...], tenants: TenantTable | None) -> sql.Composed:
    """The function that says which logins may become a session role, by its key."""
    pairs = (
        []
        if tenants is None
        else [(login, part_key(key)) for login, keys in tenants.shares.items() for key in keys]
    )
    shares: sql.Composable = sql.SQL("SELECT NULL::text, NULL::text WHERE false")
    if pairs:
        shares = sql.SQL("VALUES {}").format(
            joined(
                sql.SQL("({}, {})").format(sql.Literal(login), sql.Literal(key))
                for login, key in pairs
            )
        )
    apart = [] if tenants is None else sorted(tenants.shares)
    return template(
        "serving",
        logins=sql.SQL("ARRAY[{}]::text[]").format(literals(logins)),
        shares=shares,
        apart=sql.SQL("ARRAY[{}]::text[]").format(literals(apart)),
    )


def held(tenants: TenantTable) -> sql.Composed:
    """The part of a combination that is its tenant, as a query."""
    return sql.SQL("SELECT {}").format(part_of(tenants.key_type, sql.SQL("tenant")))


def exists(tenants: TenantTable) -> sql.Composed:
    """Whether the variable ``tenant`` is a tenant's key."""
    return sql.SQL("EXISTS (SELECT FROM {} AS one WHERE one.{} = tenant::{})").format(
        tenants.named.identifier(), sql.Identifier(tenants.key), sql.SQL(tenants.key_type)
    )


def part_key(key: str) -> str:
    """The key of a tenant as part of a combination, whose parts are told apart by commas."""
    return "t" + key.replace("%", "%25").replace(",", "%2C")


def part_of(key_type: str, key: sql.Composable) -> sql.Composed:
    """As ``part_key`` says it, of an expression."""
    if key_type in _PLAIN:
        return sql.SQL("'t' || {}").format(key)
    return sql.SQL("'t' || replace(replace({}, '%', '%25'), ',', '%2C')").format(key)


def role_name(prefix: str, key_type: str, key: sql.Composable) -> sql.Composed:
    """The name of a tenant's role, as ``roles.tenant_name`` says it, of an expression."""
    start = sql.Literal(f"{prefix}_tenant_")
    room, digits = tenant_room(prefix), tenant_digits(prefix)
    longest = _PLAIN.get(key_type)
    if longest is not None and longest <= room and (longest < digits or key_type == "uuid"):
        return sql.SQL("{} || {}").format(start, key)
    return sql.SQL(
        "{start} || CASE WHEN {key} ~ {plain} AND length({key}) <> {digits} THEN {key}"
        " ELSE left(encode(sha256(convert_to({key}, 'UTF8')), 'hex'), {digits}) END"
    ).format(
        start=start,
        key=key,
        plain=sql.Literal(f"^[a-z0-9_-]{{1,{room}}}$"),
        digits=sql.Literal(digits),
    )
