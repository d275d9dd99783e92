"""What is put before a statement, so that it runs as somebody."""

from collections.abc import Iterable
from typing import LiteralString

from psycopg import sql

#: Find the role and the user of a context, and take both on, in one statement.
_RESOLVE = """\
SELECT {settings},
       pg_catalog.set_config('role', found.role, true),
       pg_catalog.set_config({user_setting}, found.user_id, true),
       found.role, found.user_id, found.all_tenants
  FROM rls_perms.{function}({asker}, {tenant}) AS found"""

#: Set what goes along with the role, before it is taken on: the login may be allowed more.
_SETTINGS = """\
(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            one.name, one.value, pg_catalog.set_config(one.name, one.value, true)))
   FROM rls_perms.role_settings(found.role) AS one)"""

_NAMED = """\
SELECT {settings},
       pg_catalog.set_config('role', found.role, true),
       pg_catalog.set_config({user_setting}, '', true),
       found.role, '', false
  FROM rls_perms.{function}({arguments}) AS found (role)"""


#: Have a token verified, take its role on, and keep the proof of it for this transaction.
_ENTER = """\
SELECT {settings},
       pg_catalog.set_config('role', found.role, true),
       pg_catalog.set_config({proof_setting}, found.proof, true),
       found.role, found.user_id, found.all_tenants, found.proof
  FROM rls_perms.enter({token}) AS found"""

#: As above, from what enter() answers: the login may ask for nothing else.
_ENTERED_SETTINGS = """\
(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            one ->> 0, one ->> 1, pg_catalog.set_config(one ->> 0, one ->> 1, true)))
   FROM pg_catalog.json_array_elements(found.settings) AS one)"""


def enter(token: str, proof_setting: str, settings: bool) -> sql.Composed:
    """Become the role of whoever *token* is for; *settings* as ``resolve`` has it."""
    return sql.SQL(_one_line(_ENTER)).format(
        settings=sql.SQL(_one_line(_ENTERED_SETTINGS) if settings else "NULL"),
        proof_setting=sql.Literal(proof_setting),
        token=sql.Literal(token),
    )


def enter_apart(token: str) -> sql.Composed:
    """Have the role of a token made, and answer nothing of it."""
    return sql.SQL("SELECT FROM rls_perms.enter({})").format(sql.Literal(token))


def resolve(
    asker: str | None, tenant: str | None, user_setting: str, make: bool, settings: bool
) -> sql.Composed:
    """
    Become the session role of *asker*; with *make*, make it if it is missing.

    With *settings*, set the parameters that go along with it, and answer them first.
    """
    return sql.SQL(_one_line(_RESOLVE)).format(
        settings=_settings(settings),
        user_setting=sql.Literal(user_setting),
        function=sql.Identifier("make_session_role" if make else "session_role"),
        asker=sql.Literal(asker),
        tenant=sql.Literal(tenant),
    )


def _one_line(statement: LiteralString) -> LiteralString:
    # "LINE 2" in an error is then the first line of the statement behind.
    return " ".join(statement.split())


def _settings(wanted: bool) -> sql.SQL:
    return sql.SQL(_one_line(_SETTINGS) if wanted else "NULL")


def become_named(
    short: str,
    user_setting: str,
    settings: bool,
    tenant: str | None = None,
    make: bool = False,
) -> sql.Composed:
    """
    Become a role of this project by its short name; *settings* as ``resolve`` has it.

    With *tenant*, the one that stands for it in that tenant; with *make*, also one that
    nobody had yet.
    """
    names = [short] if tenant is None else [short, tenant]
    in_tenant = "make_named_role" if make else "named_role_in_tenant"
    return sql.SQL(_one_line(_NAMED)).format(
        settings=_settings(settings),
        user_setting=sql.Literal(user_setting),
        function=sql.Identifier("named_role" if tenant is None else in_tenant),
        arguments=sql.SQL(", ").join([sql.Literal(one) for one in names]),
    )


def set_local_role(role: str | None) -> sql.Composed:
    """Become *role*; None is the login itself."""
    name = sql.SQL("NONE") if role is None else sql.Identifier(role)
    return sql.SQL("SET LOCAL ROLE {}").format(name)


def set_local(name: str, value: str) -> sql.Composed:
    """Set a parameter for the rest of the transaction; '' clears one of our own."""
    return sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(*name.split(".")), sql.Literal(value))


def set_parameters(settings: Iterable[tuple[str, str]]) -> sql.Composed:
    """Set parameters for the rest of the transaction; a value may be a list, as a search_path."""
    calls = (
        sql.SQL("pg_catalog.set_config({}, {}, true)").format(sql.Literal(name), sql.Literal(value))
        for name, value in settings
    )
    return sql.SQL("SELECT {}").format(sql.SQL(", ").join(list(calls)))


def reset_parameter(name: str) -> sql.Composed:
    """Give a parameter the value of the connection's beginning until the transaction ends."""
    return sql.SQL("SET LOCAL {} TO DEFAULT").format(sql.Identifier(*name.split(".")))


def put_back(role: str | None, settings: Iterable[str], parameters: Iterable[str]) -> sql.Composed:
    """
    Become *role* and clear *settings* for the session; None is the login itself.

    *parameters* that a context set for the transaction get the session's own values.
    """
    name = sql.SQL("NONE") if role is None else sql.Identifier(role)
    cleared = (sql.SQL("SET {} = ''").format(sql.Identifier(*one.split("."))) for one in settings)
    reset = (reset_parameter(one) for one in parameters)
    return sql.SQL("; ").join([sql.SQL("SET ROLE {}").format(name), *cleared, *reset])


def make_named_role(short: str, tenant: str) -> sql.Composed:
    return sql.SQL("SELECT rls_perms.make_named_role({}, {})").format(
        sql.Literal(short), sql.Literal(tenant)
    )


def make_session_role(asker: str | None, tenant: str | None) -> sql.Composed:
    return sql.SQL("SELECT rls_perms.make_session_role({}, {})").format(
        sql.Literal(asker), sql.Literal(tenant)
    )


def has_named_role(short: str, tenant: str) -> sql.Composed:
    """Raises RP001 as long as there is none."""
    return sql.SQL("SELECT rls_perms.named_role_in_tenant({}, {})").format(
        sql.Literal(short), sql.Literal(tenant)
    )


def has_session_role(asker: str | None, tenant: str | None) -> sql.Composed:
    """Raises RP001 as long as there is none."""
    return sql.SQL("SELECT FROM rls_perms.session_role({}, {})").format(
        sql.Literal(asker), sql.Literal(tenant)
    )
