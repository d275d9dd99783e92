"""Cursors that run each statement as what it wants, and drop the results of its prefix."""

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.postgresql.base import Cursor as DjangoCursor
from django.db.backends.postgresql.base import ServerBindingCursor as DjangoServerBindingCursor
from django.db.backends.postgresql.base import ServerSideCursor as DjangoServerSideCursor
from psycopg import pq
from psycopg.generators import execute as receive

from rls_perms.backends.postgresql.prefix import KEEP, SETTING, Wanted
from rls_perms.backends.postgresql.transport import IDLE, INTRANS, RoleConnection
from rls_perms.strict import text_of

BINARY = pq.Format.BINARY

#: After a statement with one of these tags, what is applied is not known any more.
UNSETTLING = (b"ROLLBACK", b"COMMIT", b"BEGIN", b"START")

#: What sets a parameter inside of a query, under a name that a bound parameter may hide.
SETTING_FUNCTIONS = (b"set_config", b"pg_settings")

#: What is in a message that the session keeps, for whoever asks pg_cursors later.
KEPT = re.compile(r"\b(DECLARE|PREPARE)\b", re.IGNORECASE)

#: Must precede every query of its transaction, the one that finds a role too.
SET_TRANSACTION = re.compile(r"\s*SET\s+TRANSACTION\s[^;]*;?\s*", re.IGNORECASE)


class _RoleCursor:
    """What all cursors do: know what is wanted before a query, and drop the prefix's results."""

    _conn: RoleConnection
    format: pq.Format

    #: Whether messages are sent by the simple protocol, which takes several statements.
    carries = True

    #: What the statement wanted that was executed last.
    _ran_as: Wanted | None = None

    def _refuse(self, query: Any) -> None:
        """Raise NoContext where strict mode asks for a context and there is none."""
        if self._conn.roles is not None:
            self._conn.roles.refuse(query)

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self._refuse(query)
        binary = options.get("binary")
        # psycopg has no binary results by the simple protocol, and says so itself.
        carries = self.carries and not (self.format == BINARY if binary is None else binary)
        carries = carries and not (self._signs and KEPT.search(text_of(query)))
        keep = isinstance(query, str) and SET_TRANSACTION.fullmatch(query) is not None
        return self._again(
            lambda: super(_RoleCursor, self).execute(query, params, **options),  # type: ignore[misc]
            carries=carries,
            keep=keep,
        )

    @property
    def _signs(self) -> bool:
        """Whether a prefix has a token in it, and a proof, which are for nobody else to read."""
        return self._conn.roles is not None and self._conn.roles.signer is not None

    def _again(self, run: Callable[[], Any], *, carries: bool, keep: bool = False) -> Any:
        connection = self._conn
        with connection.wanting(carries=carries, isolated=not carries, keep=keep) as self._ran_as:
            try:
                return run()
            except psycopg.Error as error:
                connection._prefix = None
                if not connection.recover(error):
                    raise
                return run()

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        self._refuse(query)
        with self._begun():
            super().executemany(query, params_seq, **options)  # type: ignore[misc]

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        self._refuse(query)
        with self._begun():
            yield from super().stream(query, params, **options)  # type: ignore[misc]

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        self._refuse(statement)
        with (
            self._begun(),
            super().copy(statement, params, **options) as copy,  # type: ignore[misc]
        ):
            yield copy

    @contextmanager
    def _begun(self) -> Iterator[None]:
        """Send the context now: what follows may be messages that cannot carry it."""
        connection = self._conn
        with connection.wanting(carries=False, isolated=True) as wanted:
            if wanted is not None:
                begin = None
                if not connection.autocommit and connection.pgconn.transaction_status == IDLE:
                    begin = connection._get_tx_start_command()
                connection._send_apart(wanted, begin)
            yield

    def _execute_send(self, query: Any, **options: Any) -> None:
        prefix = self._conn._prefix
        if prefix is None:
            super()._execute_send(query, **options)  # type: ignore[misc]
            return
        self._query = query
        # On a line of its own, so that "LINE 2" in an error is the statement itself.
        self._conn.pgconn.send_query(prefix.message() + b";\n" + query.query)

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        converted = super()._convert_query(query, params)  # type: ignore[misc]
        if self._conn.roles is not None:
            lower = converted.query.lower()
            for name in SETTING_FUNCTIONS:
                if name in lower:
                    self._conn._astray = True
        return converted

    def _check_results(self, results: list[Any]) -> None:
        connection = self._conn
        if connection.roles is None:
            super()._check_results(results)  # type: ignore[misc]
            return
        prefix, connection._prefix = connection._prefix, None
        own = 0 if prefix is None else len(prefix.statements)
        unsettled = decided = False
        for result in results[own:]:
            tag = result.command_status or b""
            if tag in SETTING and connection.roles.unsettled_by(tag, self._query):
                connection._astray = True
            unsettled |= tag.startswith(UNSETTLING)
            decided |= connection.roles.decided_by(tag, self._query)
        if prefix is not None:
            connection.hear(prefix, results)
        super()._check_results(results)  # type: ignore[misc]
        if prefix is not None:
            connection.settle(prefix, results)
            del results[:own]
            if not results:
                # An empty query has a result, but for a message that has others.
                results.append(self._conn.pgconn.make_empty_result(pq.ExecStatus.EMPTY_QUERY))
        if unsettled:
            connection.forget()
        if decided:
            connection.ask_again()


class Cursor(_RoleCursor, DjangoCursor):
    """Binds parameters on the client, as Django does by default."""


class ServerBindingCursor(_RoleCursor, DjangoServerBindingCursor):
    """Binds parameters on the server: one statement a message."""

    carries = False


class _NamedCursor(_RoleCursor):
    """
    A named cursor: reads on as who declared it, whoever is asking by then.

    PostgreSQL evaluates what it has not read yet with the settings of that moment.
    """

    _described: bool
    _iter_rows: list[Any] | None

    _make_declare_statement: Callable[[Any], Any]
    _close_gen: Callable[[], Generator[Any, Any, None]]
    _describe_gen: Callable[[], Generator[Any, Any, None]]
    _start_query: Callable[[Any], Generator[Any, Any, None]]

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self._refuse(query)
        # A cursor is kept with the message that declared it: not one with a token in it.
        return self._again(
            lambda: super(_RoleCursor, self).execute(query, params, **options),  # type: ignore[misc]
            carries=self.carries and not self._signs,
        )

    def _declare_gen(
        self, query: Any, params: Any = None, binary: bool | None = None
    ) -> Generator[Any, Any, None]:
        # psycopg's own, but for the results of the prefix, which it has no place for.
        query = self._make_declare_statement(query)
        if self._described:
            yield from self._close_gen()
            self._described = False
        self._iter_rows = None
        yield from self._start_query(query)
        self._execute_send(self._convert_query(query, params), force_extended=True)
        self._check_results((yield from receive(self._conn.pgconn)))
        self._format = self.format if binary is None else pq.Format(binary)
        yield from self._describe_gen()

    def _fetch_gen(self, num: int | None) -> Generator[Any, Any, Any]:
        return (yield from self._as_declared(lambda: super(_NamedCursor, self)._fetch_gen(num)))  # type: ignore[misc]

    def _scroll_gen(self, value: int, mode: str) -> Generator[Any, Any, None]:
        yield from self._as_declared(
            lambda: super(_NamedCursor, self)._scroll_gen(value, mode)  # type: ignore[misc]
        )

    def _as_declared(
        self, read: Callable[[], Generator[Any, Any, Any]]
    ) -> Generator[Any, Any, Any]:
        connection = self._conn
        if connection.roles is None:
            return (yield from read())
        # One that psycopg did not declare is read as whatever is applied.
        wanted = self._ran_as or KEEP
        before = connection._wanted, connection._carries
        connection._wanted, connection._carries = wanted, False
        try:
            if connection.pgconn.transaction_status == INTRANS:
                yield from connection._send_prefix(connection._prefix_of(wanted, None))
            return (yield from read())
        except BaseException:
            connection.forget()
            raise
        finally:
            connection._wanted, connection._carries = before


class ServerSideCursor(_NamedCursor, DjangoServerSideCursor):
    """Django's named cursor: declared with parameters bound on the client."""


class ServerBindingServerSideCursor(_NamedCursor, psycopg.ServerCursor[Any]):  # type: ignore[misc]
    """psycopg's named cursor: declared with parameters bound on the server."""

    carries = False
