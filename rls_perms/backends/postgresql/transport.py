"""
Put the role and the settings of the context before each statement, in the same message.

psycopg's private methods are its only seam for this: ``_start_query``, ``_execute_send``
and ``_check_results`` are overridden here and tested on each supported version.
"""

import functools
import json
import re
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

from rls_perms.context import Asker, Context, Entered, Resolved
from rls_perms.session import audit
from rls_perms.statements import session as text

IDLE = pq.TransactionStatus.IDLE
INTRANS = pq.TransactionStatus.INTRANS
BINARY = pq.Format.BINARY
FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)

#: After a statement with one of these tags, what is applied is not known any more.
UNSETTLING = (b"ROLLBACK", b"COMMIT", b"BEGIN", b"START")

#: One with these may have set anything, for the rest of the session too.
SETTING_ANYTHING = (b"DISCARD", b"DO", b"CALL")

#: One with these may have set something.
SETTING = (*SETTING_ANYTHING, b"SET", b"RESET")

#: SET and RESET are harmless unless they name one of these, or a setting of our own.
ROLE_WORDS = (b"role", b"authorization", b"all", b"u&")

#: What sets a parameter inside of a query, under a name that a bound parameter may hide.
SETTING_FUNCTIONS = (b"set_config", b"pg_settings")


#: Must precede every query of its transaction, the one that finds a role too.
SET_TRANSACTION = re.compile(r"\s*SET\s+TRANSACTION\s[^;]*;?\s*", re.IGNORECASE)

#: session_role() knows no role for a combination; make_session_role() makes it.
NO_SESSION_ROLE = "RP001"


@functools.lru_cache(10_000)
def _rendered(write: Callable[..., sql.Composed], *values: Any) -> bytes:
    """A statement of a prefix: the same users, tenants and roles come again and again."""
    return write(*values).as_bytes(None)


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


#: What stands for the login itself.
LOGIN = Plain()

Wanted = Entered | Plain | _Keep


@dataclass(slots=True)
class Prefix:
    """What goes before a statement: its statements, and where the database's answer is."""

    wanted: Wanted
    statements: list[bytes] = field(default_factory=list)
    #: Index of the statement that answers with role and user; None if they are known.
    answer: int | None = None
    #: Settings that a context has set since BEGIN, and those that are not cleared by now.
    touched: frozenset[str] = frozenset()
    standing: frozenset[str] = frozenset()

    def message(self) -> bytes:
        return b"; ".join(self.statements)


@dataclass(slots=True)
class Roles:
    """How one alias speaks to its database: given to each connection by its wrapper."""

    #: What the next statement wants.
    wanted: Callable[[], Wanted]
    alias: str
    guc_prefix: str
    #: Whether parameters may go along with a role.
    has_settings: bool
    #: What a transaction starts as: the login, or in tests the owner.
    base: Plain
    #: Make a missing role over a connection of its own; None in tests, where it would wait.
    make_apart: Callable[[Entered], None] | None
    #: What a test database does before a context is applied: its roles follow the auth tables.
    follow: Callable[[], None] | None = None

    @property
    def user_setting(self) -> str:
        return f"{self.guc_prefix}.user_id"

    @property
    def tenant_setting(self) -> str:
        return f"{self.guc_prefix}.tenant_id"

    def clears(self, name: str) -> bytes:
        """The statement that takes back what a context set."""
        if name.startswith(f"{self.guc_prefix}."):
            return _rendered(text.set_local, name, "")
        return _rendered(text.reset_parameter, name)

    def unsettled_by(self, tag: bytes, query: Any) -> bool:
        """Whether one of ``SETTING`` may have set a role or a setting of ours by itself."""
        if tag in SETTING_ANYTHING or query is None:
            return True
        lower = query.query.lower()
        return any(word in lower for word in (*ROLE_WORDS, self.guc_prefix.encode()))


class RoleConnection(psycopg.Connection[Any]):
    """A connection that knows what is applied in the transaction that is open on it."""

    roles: Roles | None = None
    _applied: Entered | Plain | _Unknown = Plain()
    #: Settings that a context has set in this transaction: a rollback may bring them back.
    _touched: frozenset[str] = frozenset()
    #: Those of them that have a value, as far as is known.
    _standing: frozenset[str] = frozenset()
    #: Settings that a context has ever set on this connection.
    _ever_touched: frozenset[str] = frozenset()
    #: Whether a statement may have set a role or a setting of ours, for the session even.
    _astray: bool = False
    #: Who the message that is under way asks for a role, if it may be asked again.
    _asking: Entered | None = None
    #: What the database answered in this transaction, which may yet be rolled back.
    _answers: dict[Entered, Resolved]
    _wanted: Wanted | None = None
    #: Whether the message that is about to be sent can carry a prefix.
    _carries: bool = False
    _prefix: Prefix | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answers = {}

    @property
    def _ours(self) -> Roles:
        if self.roles is None:
            raise psycopg.InterfaceError("This connection does not know as whom statements run.")
        return self.roles

    def wanting(self, *, carries: bool, isolated: bool = False, keep: bool = False) -> "_Wanting":
        """
        Find out what the statement wants, before the driver's lock is taken.

        With *isolated*, a statement whose message cannot carry the prefix gets an explicit
        transaction where none is open, so that both are in one. With *keep*, it runs as
        whatever is applied.
        """
        return _Wanting(self, carries, isolated, keep)

    def _is_to_enter(self, wanted: Wanted) -> bool:
        """Whether a context is applied with the next message."""
        status = self.pgconn.transaction_status
        changes = status == IDLE or (status == INTRANS and self._applied != wanted)
        return changes and isinstance(wanted, Entered)

    def _tidy(self) -> None:
        """
        Put the session back, after a statement that may have set anything by itself.

        For the session and not for the transaction, as that statement may have done; a
        rollback undoes both.
        """
        if not self._astray or self.pgconn.transaction_status not in (IDLE, INTRANS):
            return
        roles = self._ours
        names = {roles.user_setting, roles.tenant_setting, *self._ever_touched}
        parameters = self._standing - names
        with self.lock:
            put_back = text.put_back(roles.base.role, sorted(names), sorted(parameters))
            self._raise_if_failed(self.wait(self._exchange(put_back.as_bytes(self))))
        self._astray = False
        if self.pgconn.transaction_status == IDLE:
            self._start_over()
        else:
            self._applied, self._standing = roles.base, frozenset()

    def _send_apart(self, wanted: Wanted, begin: bytes | None) -> None:
        """Send the context in a message of its own, making a role if it is missing."""
        try:
            with self.lock:
                self.wait(self._send_prefix(self._prefix_of(wanted, begin)))
        except psycopg.Error as error:
            if not self.recover(error):
                raise
            with self.lock:
                self.wait(self._send_prefix(self._prefix_of(wanted, begin)))

    def forget(self) -> None:
        """What is applied is not known any more, nor what was answered since BEGIN."""
        self._applied = UNKNOWN
        self._standing = self._touched
        self._answers.clear()

    def recover(self, error: psycopg.Error) -> bool:
        """
        Make the session role that a context lacked; whether the message may be sent again.

        Only where the message had begun its transaction, so that nothing is lost by it.
        """
        asking, self._asking = self._asking, None
        if error.sqlstate != NO_SESSION_ROLE or asking is None:
            # On a connection that is not ours, too.
            return False
        make_apart = self._ours.make_apart
        if make_apart is None:
            return False
        if self.pgconn.transaction_status != IDLE:
            self.rollback()
        make_apart(asking)
        return True

    # What psycopg calls

    def _start_query(self) -> Generator[Any, Any, None]:
        if self.roles is None or self._pipeline:
            yield from super()._start_query()
            return
        if self._wanted is None:
            raise psycopg.NotSupportedError(
                "A cursor of a class of its own does not say as whom it runs. Take it from "
                "django.db.connection.cursor(), or from the driver connection's cursor()."
            )
        begin = None
        if not self.autocommit and self.pgconn.transaction_status == IDLE:
            begin = self._get_tx_start_command()
        prefix = self._prefix_of(self._wanted, begin)
        if not prefix.statements:
            return
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
        if self.roles is not None and self.pgconn.transaction_status == IDLE:
            # It may be a BEGIN.
            self._start_over()
        if b"ROLLBACK" in known:
            self.forget()
        return (yield from super()._exec_command(command, result_format))

    def commit(self) -> None:
        if self.pgconn.transaction_status != INTRANS:
            # PostgreSQL rolls back a transaction that failed.
            self._answers.clear()
        super().commit()
        self._remember()

    @contextmanager
    def pipeline(self) -> Iterator[psycopg.Pipeline]:
        if self.roles is not None:
            raise psycopg.NotSupportedError(
                "Statements in a pipeline cannot say as whom they run. Leave the pipeline: "
                "executemany() makes one by itself, for one context."
            )
        with super().pipeline() as pipeline:
            yield pipeline

    # The prefix

    def _start_over(self) -> None:
        """No transaction is open: nothing is applied."""
        self._applied = self._ours.base
        self._touched = self._standing = frozenset()
        self._answers.clear()

    def _prefix_of(self, wanted: Wanted, begin: bytes | None) -> Prefix:
        status = self.pgconn.transaction_status
        prefix = Prefix(wanted)
        if status == IDLE:
            self._start_over()
        elif status != INTRANS:
            # Only a rollback is understood now, and it undoes what was applied.
            self.forget()
            return prefix
        if begin is not None:
            prefix.statements.append(begin)
        prefix.touched, prefix.standing = self._touched, self._standing
        if isinstance(wanted, _Keep) or self._applied == wanted:
            return prefix
        if isinstance(wanted, Plain):
            self._become_plain(prefix, wanted)
        else:
            self._become(prefix, wanted, fresh=status == IDLE)
        return prefix

    def _become_plain(self, prefix: Prefix, wanted: Plain) -> None:
        prefix.statements.append(_rendered(text.set_local_role, wanted.role))
        prefix.statements += map(self._ours.clears, sorted(self._standing))
        prefix.standing = frozenset()

    def _become(self, prefix: Prefix, wanted: Entered, *, fresh: bool) -> None:
        roles = self._ours
        known = self._answers.get(wanted) or wanted.resolved.get(roles.alias)
        names = wanted.names(roles.tenant_setting, roles.user_setting)
        if self._applied != roles.base:
            # A session role may not resolve another, nor may it see what it is called.
            prefix.statements.append(_rendered(text.set_local_role, roles.base.role))
        if left := self._standing - names:
            prefix.statements += map(roles.clears, sorted(left))
        prefix.statements += self._settings(wanted.context)
        if known is not None:
            prefix.statements += self._known(known)
            names |= known.names
        else:
            prefix.answer = len(prefix.statements)
            prefix.statements.append(self._question(wanted, fresh=fresh))
        prefix.standing = names
        prefix.touched = self._touched | names
        self._ever_touched |= names - known.names if known else names

    def _settings(self, context: Context) -> Iterator[bytes]:
        # Said where there is no tenant, too: a function of the project's may have left one.
        yield _rendered(text.set_local, self._ours.tenant_setting, context.tenant or "")
        for name, value in context.settings:
            yield _rendered(text.set_local, name, value)

    def _known(self, known: Resolved) -> Iterator[bytes]:
        if known.settings:
            yield _rendered(text.set_parameters, known.settings)
        yield _rendered(text.set_local, self._ours.user_setting, known.user)
        yield _rendered(text.set_local_role, known.role)

    def _question(self, wanted: Entered, *, fresh: bool) -> bytes:
        roles, context = self._ours, wanted.context
        if context.asker is Asker.ROLE and context.role is not None:
            return _rendered(
                text.become_named, context.role, roles.user_setting, roles.has_settings
            )
        if context.asker is Asker.SYSTEM:
            return _rendered(text.become_named, "system", roles.user_setting, False)
        # Inside a transaction an error would end it, so there the role is made at once.
        make = not fresh or roles.make_apart is None
        if not make:
            self._asking = wanted
        return _rendered(
            text.resolve,
            context.user,
            context.tenant,
            roles.user_setting,
            make,
            roles.has_settings,
        )

    def _send_prefix(self, prefix: Prefix) -> Generator[Any, Any, None]:
        if not prefix.statements:
            return
        results = yield from self._exchange(prefix.message())
        self.hear(prefix, results)
        self._raise_if_failed(results)
        self.settle(prefix, results)

    def _exchange(self, message: bytes) -> Generator[Any, Any, list[Any]]:
        self.pgconn.send_query(message)
        results: list[Any] = yield from receive(self.pgconn)
        return results

    def _raise_if_failed(self, results: list[Any]) -> None:
        if results[-1].status in FAILED:
            raise psycopg.errors.error_from_result(results[-1], encoding=self.pgconn._encoding)

    def hear(self, prefix: Prefix, results: list[Any]) -> None:
        """Note what was answered, though the statement behind it may have failed."""
        wanted, position = prefix.wanted, prefix.answer
        if position is None or not isinstance(wanted, Entered) or len(results) <= position:
            return
        row = results[position]
        if row.status != pq.ExecStatus.TUPLES_OK:
            return
        role, user, is_system = (row.get_value(0, column).decode() for column in (3, 4, 5))
        found = json.loads(row.get_value(0, 0) or b"[]")
        settings = tuple((name, value) for name, value, _ in found)
        if is_system == "t" and not wanted.heard:
            audit.info("system role entered: %s, without a tenant", wanted.context)
        wanted.heard[self._ours.alias] = Resolved(role, user, settings)

    def settle(self, prefix: Prefix, results: list[Any]) -> None:
        """The prefix went through: note what is applied now."""
        self._asking = None
        self._touched, self._standing = prefix.touched, prefix.standing
        if not isinstance(prefix.wanted, _Keep):
            self._applied = prefix.wanted
        if prefix.answer is not None and isinstance(prefix.wanted, Entered):
            answer = prefix.wanted.heard[self._ours.alias]
            self._answers[prefix.wanted] = answer
            names = {name for name, _ in answer.settings}
            self._touched |= names
            self._standing |= names
        if self.pgconn.transaction_status == IDLE:
            self._remember()

    def _remember(self) -> None:
        """What was answered is committed, so it counts for the rest of its context."""
        if self.roles is not None:
            for entered, resolved in self._answers.items():
                entered.resolved[self.roles.alias] = resolved
        self._answers.clear()


class _Wanting:
    """From before a statement until after it; every statement comes by, so no generator."""

    __slots__ = ("alone", "astray", "before", "carries", "connection", "isolated", "keep", "wanted")

    def __init__(
        self, connection: RoleConnection, carries: bool, isolated: bool, keep: bool
    ) -> None:
        self.connection = connection
        self.carries = carries
        self.isolated = isolated
        self.keep = keep

    def __enter__(self) -> Wanted | None:
        connection = self.connection
        roles = connection.roles
        if roles is None:
            self.wanted: Wanted | None = None
            return None
        wanted = self.wanted = KEEP if self.keep else roles.wanted()
        if connection._astray and wanted is not KEEP:
            connection._tidy()
        self.astray = connection._astray
        if roles.follow is not None and connection._is_to_enter(wanted):
            roles.follow()
        self.before = connection._wanted, connection._carries
        self.alone = (
            self.isolated
            and connection.autocommit
            and connection.pgconn.transaction_status == IDLE
            and wanted not in (roles.base, KEEP)
        )
        if self.alone:
            try:
                connection._send_apart(wanted, b"BEGIN")
            except BaseException:
                self._failed()
                self._leave()
                raise
        connection._wanted, connection._carries = wanted, self.carries
        return wanted

    def __exit__(self, exc_type: object, *error: object) -> None:
        if self.wanted is None:
            return
        connection = self.connection
        try:
            if exc_type is not None:
                self._failed()
            elif self.alone and connection.pgconn.transaction_status != IDLE:
                connection.commit()
        finally:
            self._leave()
        if exc_type is None and connection._astray:
            connection._tidy()

    def _failed(self) -> None:
        connection = self.connection
        connection.forget()
        if self.alone and not connection.closed and connection.pgconn.transaction_status != IDLE:
            connection.rollback()

    def _leave(self) -> None:
        connection = self.connection
        connection._wanted, connection._carries = self.before
        connection._prefix = connection._asking = None
        if self.wanted is KEEP:
            # Django's own, as the time zone of a new connection.
            connection._astray = self.astray


class _RoleCursor:
    """What all cursors do: know what is wanted before a query, and drop the prefix's results."""

    _conn: RoleConnection
    format: pq.Format

    #: Whether messages are sent by the simple protocol, which takes several statements.
    carries = True

    #: What the statement wanted that was executed last.
    _ran_as: Wanted | None = None

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        binary = options.get("binary")
        # psycopg has no binary results by the simple protocol, and says so itself.
        carries = self.carries and not (self.format == BINARY if binary is None else binary)
        keep = isinstance(query, str) and SET_TRANSACTION.fullmatch(query) is not None
        return self._again(
            lambda: super(_RoleCursor, self).execute(query, params, **options),  # type: ignore[misc]
            carries=carries,
            keep=keep,
        )

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
        with self._begun():
            super().executemany(query, params_seq, **options)  # type: ignore[misc]

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        with self._begun():
            yield from super().stream(query, params, **options)  # type: ignore[misc]

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Any]:
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
        unsettled = False
        for result in results[own:]:
            tag = result.command_status or b""
            if tag in SETTING and connection.roles.unsettled_by(tag, self._query):
                connection._astray = True
            unsettled |= tag.startswith(UNSETTLING)
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
        return self._again(
            lambda: super(_RoleCursor, self).execute(query, params, **options),  # type: ignore[misc]
            carries=self.carries,
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
