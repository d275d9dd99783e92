"""Logins of tenants' own people: how they are told from others, made, listed and dropped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from rls_perms.keywords import RoleKind
from rls_perms.roles import Mark, read_mark
from rls_perms.statements.render import joined, template
from rls_perms.statements.row_security import Table

TABLE = Table("tenant_login", "rls_perms")


@dataclass(frozen=True, order=True, slots=True)
class TenantLogin:
    """A login of one tenant, with the keys of the groups whose rights it has."""

    login: str
    tenant: str
    groups: tuple[str, ...] = ()


KNOWN = "SELECT login, tenant, groups FROM rls_perms.tenant_login ORDER BY login"

# What PostgreSQL says of them: the number of connections, and what they start with.
DETAILS = """
SELECT role.rolname::text, role.rolconnlimit,
       coalesce((SELECT setting.setconfig FROM pg_catalog.pg_db_role_setting AS setting
                  WHERE setting.setrole = role.oid AND setting.setdatabase = 0), '{}'::text[]),
       (SELECT count(*) FROM pg_catalog.pg_stat_activity AS open WHERE open.usesysid = role.oid)
  FROM pg_catalog.pg_roles AS role
 WHERE role.rolname = ANY (%(names)s)
"""

MARK_OF = """
SELECT pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = %s
"""


def settings_count(plain: Sequence[str]) -> sql.Composed:
    """
    Whether the settings of a context count for whoever connected: not for a tenant's login.

    Those of *plain* are known not to be one: for them it costs nothing.
    """
    return sql.SQL(
        "session_user OPERATOR(pg_catalog.=) ANY (ARRAY[{}]::name[])"
        " OR rls_perms.login_tenant() IS NULL"
    ).format(joined(sql.Literal(one) for one in plain))


def login_tenant(prefix: str, database: str) -> sql.Composed:
    """The function that reads the tenant from the mark of whoever connected."""
    whole = str(mark(prefix, database, ""))
    start = whole.index("{")
    return template(
        "login_tenant",
        mark=sql.Literal(whole.partition(', "id"')[0]),
        start=sql.Literal(start + 1),
    )


def mark(prefix: str, database: str, tenant: str) -> Mark:
    return Mark(prefix, database, RoleKind.TENANT_LOGIN, tenant)


def is_of(comment: str | None, prefix: str, database: str) -> bool:
    """Whether a role with that comment is a tenant's login of this database."""
    found = read_mark(comment)
    return (
        found is not None
        and found.kind is RoleKind.TENANT_LOGIN
        and (found.project, found.database) == (prefix, database)
    )


def create(
    made: TenantLogin, said: Mark, connections: int, password: str | None
) -> list[sql.Composed]:
    """
    Make the login, and write down what it is for.

    *password* is as PostgreSQL keeps it, never in clear; None is a login without one.
    """
    login = sql.Identifier(made.login)
    kept = sql.SQL("NULL") if password is None else sql.Literal(password)
    return [
        sql.SQL("CREATE ROLE {} LOGIN INHERIT CONNECTION LIMIT {} PASSWORD {}").format(
            login, sql.Literal(connections), kept
        ),
        sql.SQL("COMMENT ON ROLE {} IS {}").format(login, sql.Literal(str(said))),
        sql.SQL(
            "INSERT INTO rls_perms.tenant_login (login, tenant, groups) VALUES ({}, {}, {})"
            " ON CONFLICT (login) DO UPDATE SET tenant = excluded.tenant, groups = excluded.groups"
        ).format(
            sql.Literal(made.login),
            sql.Literal(made.tenant),
            sql.SQL("ARRAY[{}]::text[]").format(joined(sql.Literal(one) for one in made.groups)),
        ),
    ]


def start_with(login: str, parameters: Mapping[str, str]) -> Iterable[sql.Composed]:
    """What each session of the login starts with; it may set these anew."""
    for name, value in parameters.items():
        yield sql.SQL("ALTER ROLE {} SET {} = {}").format(
            sql.Identifier(login), sql.Identifier(name), sql.Literal(value)
        )


def drop(login: str) -> list[sql.Composed]:
    return [
        sql.SQL("DROP ROLE {}").format(sql.Identifier(login)),
        sql.SQL("DELETE FROM rls_perms.tenant_login WHERE login = {}").format(sql.Literal(login)),
    ]
