"""
Put the role and the settings of the context before each statement, in the same message.

psycopg's private methods are its only seam for this: ``_start_query``, ``_execute_send``
and ``_set_results`` are overridden here and tested on each supported version.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.db.backends.postgresql.base import Cursor as DjangoCursor
from django.db.backends.postgresql.base import ServerBindingCursor as DjangoServerBindingCursor
from django.db.backends.postgresql.base import ServerSideCursor as DjangoServerSideCursor
from psycopg import pq, sql
from psycopg.generators import execute as receive

from rls_perms.context import Asker, Entered, Resolved
from rls_perms.statements import session as text

IDLE = pq.TransactionStatus.IDLE
INTRANS = pq.TransactionStatus.INTRANS
FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)

#: A statement with one of these tags, or that names set_config, may have changed the role.
UNSETTLING = (b"SET", b"RESET", b"ROLLBACK", b"DISCARD", b"DO", b"CALL", b"BEGIN", b"START")

#: session_role() knows no role for a combination; make_session_role() makes it.
NO_SESSION_ROLE = "RP001"


class _Unknown:
    """What is applied after an error or a rollback: anything."""


UNKNOWN = _Unknown()


class _Keep:
    """What a savepoint wants: whatever is applied."""


KEEP = _Keep()


@dataclass(frozen=True, slots=True)
class Plain:
    """What a statement without a role wants: a fixed role, None being the login itself."""

    role: str | None = None


Wanted = Entered | Plain | _Keep


@dataclass(slots=True)
class Prefix:
    """What goes before a statement: its statements, and where the database's answer is."""

    wanted: Wanted
    statements: list[bytes] = field(default_factory=list)
    #: Index of the statement that answers with role and user; None if they are known.
    answer: int | None = None
    settings: frozenset[str] = frozenset()

    def message(self) -> bytes:
        return b"; ".join(self.statements)


@dataclass(slots=True)
class Roles:
    """How one alias speaks to its database: given to each connection by its wrapper."""

    #: What the next statement wants.
    wanted: Callable[[], Wanted]
    alias: str
    guc_prefix: str
    #: What a transaction starts as: the login, or in tests the owner.
    base: Plain
    #: Make a missing role over a connection of its own; None in tests, where it would wait.
    make_apart: Callable[[Entered], None] | None

    @property
    def user_setting(self) -> str:
        return f"{self.guc_prefix}.user_id"

    @property
    def tenant_setting(self) -> str:
        return f"{self.guc_prefix}.tenant_id"


class RoleConnection(psycopg.Connection[Any]):
    """A connection that knows what is applied in the transaction that is open on it."""

    roles: Roles | None = None
    _applied: Entered | Plain | _Unknown = Plain()
    #: Settings that a context has set in this transaction.
    _touched: frozenset[str] = frozenset()
    #: What the database answered in this transaction, which may yet be rolled back.
    _answers: dict[Entered, Resolved]
    _wanted: Wanted | None = None
    #: Whether the message that is about to be sent can carry a prefix.
    _carries: bool = False
    _prefix: Prefix | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answers = {}

    @contextmanager
    def wanting(self, *, carries: bool, isolated: bool = False) -> Iterator[None]:
        """
        Find out what the statement wants, before the driver's lock is taken.

        With *isolated*, a statement whose message cannot carry the prefix gets an explicit
        transaction where none is open, so that both are in one.
        """
        if self.roles is None:
            yield
            return
        wanted = self.roles.wanted()
        before = self._wanted, self._carries
        alone = (
            isolated
            and self.autocommit
            and self.pgconn.transaction_status == IDLE
            and wanted not in (self.roles.base, KEEP)
        )
        try:
            if alone:
                self._wanted, self._carries = wanted, False
                self._send_apart(b"BEGIN")
            self._wanted, self._carries = wanted, carries
            yield
        except BaseException:
            self.forget()
            if alone and self.pgconn.transaction_status != IDLE and not self.closed:
                self.rollback()
            raise
        else:
            if alone and self.pgconn.transaction_status != IDLE:
                self.commit()
        finally:
            self._wanted, self._carries = before

    def _send_apart(self, begin: bytes | None) -> None:
        """Send the context in a message of its own, making a role if it is missing."""
        try:
            with self.lock:
                self.wait(self._send_prefix(self._prefix_of(begin)))
        except psycopg.Error as error:
            if not self.recover(error):
                raise
            with self.lock:
                self.wait(self._send_prefix(self._prefix_of(begin)))

    def forget(self) -> None:
        """What is applied is not known any more, nor what was answered since BEGIN."""
        self._applied = UNKNOWN
        self._answers.clear()

    def recover(self, error: psycopg.Error) -> bool:
        """
        Make the session role that a context lacked; whether the message may be sent again.

        Only where the message had begun its transaction, so that nothing is lost by it.
        """
        wanted = self._wanted
        if error.sqlstate != NO_SESSION_ROLE or not isinstance(wanted, Entered):
            return False
        assert self.roles is not None
        if self.pgconn.transaction_status != IDLE:
            self.rollback()
        if self.roles.make_apart is None:
            return False
        self.roles.make_apart(wanted)
        return True

    # What psycopg calls

    def _start_query(self) -> Generator[Any, Any, None]:
        if self.roles is None or self._wanted is None or self._pipeline:
            yield from super()._start_query()
            return
        begin = None
        if not self.autocommit and self.pgconn.transaction_status == IDLE:
            begin = self._get_tx_start_command()
        prefix = self._prefix_of(begin)
        if self._carries:
            self._prefix = prefix
        else:
            yield from self._send_prefix(prefix)

    def _exec_command(
        self, command: Any, result_format: Any = pq.Format.TEXT
    ) -> Generator[Any, Any, Any]:
        # psycopg's own nested transactions roll back without a cursor.
        if isinstance(command, sql.Composable):
            command = command.as_bytes(self)
        known = command if isinstance(command, bytes) else str(command).encode()
        if b"ROLLBACK" in known:
            self.forget()
        return (yield from super()._exec_command(command, result_format))

    def commit(self) -> None:
        super().commit()
        self._remember()

    # The prefix

    def _prefix_of(self, begin: bytes | None) -> Prefix:
        assert self.roles is not None and self._wanted is not None
        wanted = self._wanted
        status = self.pgconn.transaction_status
        prefix = Prefix(wanted)
        if status == IDLE:
            self._applied, self._touched = self.roles.base, frozenset()
            self._answers.clear()
        elif status != INTRANS:
            # Only a rollback is understood now, and it undoes what was applied.
            self.forget()
            return prefix
        if begin is not None:
            prefix.statements.append(begin)
        prefix.settings = self._touched
        if isinstance(wanted, _Keep) or self._applied == wanted:
            return prefix
        if isinstance(wanted, Plain):
            self._become_plain(prefix, wanted)
        else:
            self._become(prefix, wanted, fresh=status == IDLE)
        return prefix

    def _become_plain(self, prefix: Prefix, wanted: Plain) -> None:
        self._add(prefix, text.set_local_role(wanted.role))
        for name in sorted(self._touched):
            self._add(prefix, text.set_local(name, ""))
        prefix.settings = frozenset()

    def _become(self, prefix: Prefix, wanted: Entered, *, fresh: bool) -> None:
        roles = self.roles
        assert roles is not None
        context = wanted.context
        settings = dict(context.settings)
        if context.tenant is not None:
            settings[roles.tenant_setting] = context.tenant
        known = self._answers.get(wanted) or wanted.resolved.get(roles.alias)
        if self._applied != roles.base:
            # A session role may not resolve another, nor may it see what it is called.
            self._add(prefix, text.set_local_role(roles.base.role))
        for name in sorted(self._touched - settings.keys() - {roles.user_setting}):
            self._add(prefix, text.set_local(name, ""))
        for name, value in sorted(settings.items()):
            self._add(prefix, text.set_local(name, value))
        if known is not None:
            self._add(prefix, text.set_local(roles.user_setting, known.user))
            self._add(prefix, text.set_local_role(known.role))
        else:
            prefix.answer = len(prefix.statements)
            self._add(prefix, self._question(wanted, fresh=fresh))
        prefix.settings = frozenset({*settings, *self._touched, roles.user_setting})

    def _question(self, wanted: Entered, *, fresh: bool) -> sql.Composed:
        assert self.roles is not None
        context = wanted.context
        if context.asker is Asker.ROLE:
            assert context.role is not None
            return text.become_named(context.role, self.roles.user_setting)
        if context.asker is Asker.SYSTEM:
            return text.become_named("system", self.roles.user_setting)
        # Inside a transaction an error would end it, so there the role is made at once.
        make = not fresh or self.roles.make_apart is None
        return text.resolve(context.user, context.tenant, self.roles.user_setting, make=make)

    def _add(self, prefix: Prefix, statement: sql.Composable) -> None:
        prefix.statements.append(statement.as_bytes(self))

    def _send_prefix(self, prefix: Prefix) -> Generator[Any, Any, None]:
        if not prefix.statements:
            return
        self.pgconn.send_query(prefix.message())
        results = yield from receive(self.pgconn)
        if results[-1].status in FAILED:
            raise psycopg.errors.error_from_result(results[-1], encoding=self.pgconn._encoding)
        self.settle(prefix, results)

    def settle(self, prefix: Prefix, results: list[Any]) -> None:
        """The prefix went through: note what is applied now."""
        self._touched = prefix.settings
        if not isinstance(prefix.wanted, _Keep):
            self._applied = prefix.wanted
        if prefix.answer is not None and isinstance(prefix.wanted, Entered):
            row = results[prefix.answer]
            role, user = (row.get_value(0, column).decode() for column in (2, 3))
            self._answers[prefix.wanted] = Resolved(role, user)
        if self.pgconn.transaction_status == IDLE:
            self._remember()

    def _remember(self) -> None:
        """What was answered is committed, so it counts for the rest of its context."""
        if self.roles is not None:
            for entered, resolved in self._answers.items():
                entered.resolved[self.roles.alias] = resolved
        self._answers.clear()


class _RoleCursor:
    """What all cursors do: know what is wanted before a query, and drop the prefix's results."""

    _conn: RoleConnection

    #: Whether messages are sent by the simple protocol, which takes several statements.
    carries = True

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        return self._again(lambda: super(_RoleCursor, self).execute(query, params, **options))  # type: ignore[misc]

    def _again(self, run: Callable[[], Any]) -> Any:
        isolated = not self.carries
        with self._conn.wanting(carries=self.carries, isolated=isolated):
            try:
                return run()
            except psycopg.Error as error:
                if not self._conn.recover(error):
                    raise
                return run()

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        with self._conn.wanting(carries=False, isolated=True), self._begun():
            super().executemany(query, params_seq, **options)  # type: ignore[misc]

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        with self._conn.wanting(carries=False, isolated=True), self._begun():
            yield from super().stream(query, params, **options)  # type: ignore[misc]

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        with (
            self._conn.wanting(carries=False, isolated=True),
            self._begun(),
            super().copy(statement, params, **options) as copy,  # type: ignore[misc]
        ):
            yield copy

    @contextmanager
    def _begun(self) -> Iterator[None]:
        """Send the context now: what follows may be a message that cannot carry it."""
        connection = self._conn
        if connection.roles is not None:
            begin = None
            if not connection.autocommit and connection.pgconn.transaction_status == IDLE:
                begin = connection._get_tx_start_command()
            connection._send_apart(begin)
        yield

    def _execute_send(self, query: Any, **options: Any) -> None:
        prefix = self._conn._prefix
        if prefix is None or not prefix.statements:
            super()._execute_send(query, **options)  # type: ignore[misc]
            return
        self._query = query
        # On a line of its own, so that "LINE 2" in an error is the statement itself.
        self._conn.pgconn.send_query(prefix.message() + b";\n" + query.query)

    def _check_results(self, results: list[Any]) -> None:
        super()._check_results(results)  # type: ignore[misc]
        connection = self._conn
        prefix, connection._prefix = connection._prefix, None
        if prefix is not None:
            connection.settle(prefix, results)
            del results[: len(prefix.statements)]
        for result in results:
            if (result.command_status or b"").startswith(UNSETTLING):
                connection.forget()

    def _execute_gen(self, query: Any, *args: Any, **options: Any) -> Generator[Any, Any, None]:
        try:
            yield from super()._execute_gen(query, *args, **options)  # type: ignore[misc]
        except BaseException:
            self._conn._prefix = None
            self._conn.forget()
            raise
        if self._query is not None and b"set_config" in self._query.query:
            self._conn.forget()


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

    _declared: Wanted | None = None
    _described: bool
    _iter_rows: list[Any] | None
    format: pq.Format

    _make_declare_statement: Callable[[Any], Any]
    _close_gen: Callable[[], Generator[Any, Any, None]]
    _describe_gen: Callable[[], Generator[Any, Any, None]]
    _start_query: Callable[[Any], Generator[Any, Any, None]]
    _convert_query: Callable[[Any, Any], Any]

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        result = super().execute(query, params, **options)
        self._declared = self._conn.roles.wanted() if self._conn.roles is not None else None
        return result

    def _declare_gen(
        self, query: Any, params: Any = None, binary: bool | None = None
    ) -> Generator[Any, Any, None]:
        # psycopg's own, but for the results of the prefix, which it has no place for.
        query = self._make_declare_statement(query)
        if self._described:
            yield from self._close_gen()
            self._described = False
        self._iter_rows = None
        try:
            yield from self._start_query(query)
            self._execute_send(self._convert_query(query, params), force_extended=True)
            self._check_results((yield from receive(self._conn.pgconn)))
        except BaseException:
            self._conn._prefix = None
            self._conn.forget()
            raise
        self._format = self.format if binary is None else pq.Format(binary)
        yield from self._describe_gen()

    def _fetch_gen(self, num: int | None) -> Generator[Any, Any, Any]:
        connection = self._conn
        if self._declared is not None and connection.pgconn.transaction_status == INTRANS:
            before = connection._wanted
            connection._wanted = self._declared
            try:
                yield from connection._send_prefix(connection._prefix_of(None))
            finally:
                connection._wanted = before
        return (yield from super()._fetch_gen(num))  # type: ignore[misc]


class ServerSideCursor(_NamedCursor, DjangoServerSideCursor):
    """Django's named cursor: declared with parameters bound on the client."""


class ServerBindingServerSideCursor(_NamedCursor, psycopg.ServerCursor[Any]):
    """psycopg's named cursor: declared with parameters bound on the server."""

    carries = False
