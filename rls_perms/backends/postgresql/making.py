"""Make the role of a combination that nobody had, over a connection of its own."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import connections
from psycopg import sql

from rls_perms.conf import get_settings
from rls_perms.context import Asker, Context
from rls_perms.exceptions import UnknownRole
from rls_perms.signing import Signer
from rls_perms.statements import session as text
from rls_perms.statements.catalog import IS_STANDBY

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: SQLSTATEs of concurrent role DDL: another session was making the same thing.
CONCURRENT = ("XX000", "23505", "42710", "42704")
ATTEMPTS = 5

#: Nobody had the combination yet; and a transaction that may not make its role.
MISSING, READ_ONLY = "RP001", "RP004"

#: What a wrapper gives its connections beside what libpq takes.
OF_DJANGO = ("context", "cursor_factory", "prepare_threshold")

#: How long a standby may take to have what its primary has, and how often it is asked.
SECONDS_BEHIND = 10
SECONDS_BETWEEN = 0.02


def make(context: Context, wrapper: Any) -> None:
    """
    Make the session role of *context*; on a standby, have its primary make it.

    Raises UnknownRole where no primary is known, or the standby is too far behind it, and what
    psycopg raises.
    """
    info, signer = wrapper.connection.info, wrapper.connection.roles.signer
    with psycopg.connect(info.dsn, password=info.password or None, autocommit=True) as apart:
        try:
            _execute(apart, _making(context, signer, apart))
        except psycopg.Error as error:
            if error.sqlstate != READ_ONLY or not _is_standby(apart):
                raise
            primary = _make_on_primary(context, wrapper, signer)
            _wait_for(apart, _having(context, signer, apart), wrapper.alias, primary)


def _signed(
    context: Context, signer: Signer, apart: psycopg.Connection[Any], *, make: bool
) -> sql.Composed:
    backend = apart.pgconn.backend_pid
    in_tenant = get_settings().tenant_roles is not None
    return text.enter_apart(signer.token(context, backend=backend, make=make, in_tenant=in_tenant))


def _making(
    context: Context, signer: Signer | None, apart: psycopg.Connection[Any]
) -> sql.Composed:
    if signer is not None:
        return _signed(context, signer, apart, make=True)
    if context.asker is Asker.ROLE and context.role and context.tenant:
        return text.make_named_role(context.role, context.tenant)
    return text.make_session_role(context.user, context.tenant)


def _having(
    context: Context, signer: Signer | None, apart: psycopg.Connection[Any]
) -> sql.Composed:
    """Raises RP001 as long as the role is not there."""
    if signer is not None:
        return _signed(context, signer, apart, make=False)
    if context.asker is Asker.ROLE and context.role and context.tenant:
        return text.has_named_role(context.role, context.tenant)
    return text.has_session_role(context.user, context.tenant)


def _execute(apart: psycopg.Connection[Any], statement: sql.Composed) -> None:
    for attempt in range(ATTEMPTS):
        try:
            apart.execute(statement)
        except psycopg.Error as error:
            if error.sqlstate not in CONCURRENT or attempt == ATTEMPTS - 1:
                raise
        else:
            return


def _is_standby(apart: psycopg.Connection[Any]) -> bool:
    row = apart.execute(IS_STANDBY).fetchone()
    return row is not None and bool(row[0])


def _make_on_primary(context: Context, wrapper: Any, signer: Signer | None) -> str:
    """The alias of the primary, on which the role is made."""
    for primary in _candidates(wrapper):
        given = primary.get_connection_params()
        # The cursors of Django, and its types, are for its own connections.
        params = {name: one for name, one in given.items() if name not in OF_DJANGO}
        with psycopg.connect(**params, autocommit=True) as apart:
            if not _is_standby(apart):
                _execute(apart, _making(context, signer, apart))
                return primary.alias
    raise UnknownRole(
        f"{context} needs a session role that nobody had yet, and DATABASES[{wrapper.alias!r}] is "
        "a standby, on which none can be made. Name its primary, an alias in "
        f"RLS_PERMS['DATABASES'], in DATABASES[{wrapper.alias!r}]['TEST']['MIRROR'], or give both "
        "the same NAME."
    )


def _candidates(wrapper: Any) -> Iterator["BaseDatabaseWrapper"]:
    """Aliases under our care that may be the primary: the one that it mirrors, then namesakes."""
    own = wrapper.settings_dict
    mirrored = (own.get("TEST") or {}).get("MIRROR")
    aliases = [one for one in get_settings().databases if one != wrapper.alias]
    for alias in sorted(aliases, key=lambda one: one != mirrored):
        if alias == mirrored or connections.settings[alias].get("NAME") == own["NAME"]:
            yield connections[alias]


def _wait_for(
    apart: psycopg.Connection[Any], statement: sql.Composed, standby: str, primary: str
) -> None:
    """Until the standby has what was made on its primary."""
    deadline = time.monotonic() + SECONDS_BEHIND
    while True:
        try:
            apart.execute(statement)
        except psycopg.Error as error:
            if error.sqlstate != MISSING:
                raise
            if time.monotonic() > deadline:
                raise UnknownRole(
                    f"A session role was made on DATABASES[{primary!r}], and DATABASES["
                    f"{standby!r}], a standby, has not got it after {SECONDS_BEHIND} s. Try again "
                    "later; look how far the standby is behind, and whether it is of that primary."
                ) from error
        else:
            return
        time.sleep(SECONDS_BETWEEN)
