"""
Send the role and the settings of the context before each statement, in the same message.

psycopg's private methods are its only seam for this: ``_start_query``, ``_exec_command``
and, in the cursors, ``_execute_send`` and ``_check_results`` are overridden, and tested on each
supported version.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.generators import execute as receive

from rls_perms import audit
from rls_perms.backends.postgresql.prefix import (
    KEEP,
    UNKNOWN,
    Keep,
    Plain,
    Prefix,
    Roles,
    Unknown,
    Wanted,
    rendered,
)
from rls_perms.context import Asker, Context, Entered, Resolved
from rls_perms.signing import Signer
from rls_perms.statements import session as text

IDLE = pq.TransactionStatus.IDLE
INTRANS = pq.TransactionStatus.INTRANS
FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)

#: session_role() knows no role for a combination; make_session_role() makes it.
NO_SESSION_ROLE = "RP001"

#: A role that is called otherwise by now, or that the login may not become any more.
ROLE_IS_GONE = {"22023": "role", "42501": "set role"}


class RoleConnection(psycopg.Connection[Any]):
    """A connection that knows what is applied in the transaction that is open on it."""

    roles: Roles | None = None
    _applied: Entered | Plain | Unknown = Plain()
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
    #: Who becomes a role with the message that is under way, if it may be asked for anew.
    _becoming: Entered | None = None
    #: What the database answered in this transaction, which may yet be rolled back.
    _answers: dict[Entered, Resolved]
    _wanted: Wanted | None = None
    #: Whether the message that is about to be sent can carry a prefix.
    _carries: bool = False
    _prefix: Prefix | None = None
    #: What is to be told once the driver's lock is free: a receiver may ask the database.
    _events: list[audit.Event]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answers = {}
        self._events = []

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
        names = {*roles.own_settings, *self._ever_touched}
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

    def ask_again(self) -> None:
        """Whoever is in which group may have changed: contexts have to ask for their roles."""
        self._answers.clear()
        self._ours.ask_again()

    def recover(self, error: psycopg.Error) -> bool:
        """
        Make the session role that a context lacked; whether the message may be sent again.

        It may, too, where the role of a context is gone, since its group was renamed or deleted
        in between. Only where the message had begun its transaction, so that nothing is lost by
        it.
        """
        becoming, self._becoming = self._becoming, None
        if becoming is not None and self._lost_role(becoming, error):
            if self.pgconn.transaction_status != IDLE:
                self.rollback()
            becoming.resolved.pop(self._ours.alias, None)
            return True
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

    def _lost_role(self, becoming: Entered, error: psycopg.Error) -> bool:
        if error.sqlstate not in ROLE_IS_GONE:
            return False
        known = becoming.resolved.get(self._ours.alias)
        words = ROLE_IS_GONE[error.sqlstate] if known is None else known.role
        return words in (error.diag.message_primary or "")

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
        if isinstance(wanted, Keep) or self._applied == wanted:
            return prefix
        if isinstance(wanted, Plain):
            self._become_plain(prefix, wanted)
        else:
            self._become(prefix, wanted, fresh=status == IDLE)
        return prefix

    def _become_plain(self, prefix: Prefix, wanted: Plain) -> None:
        prefix.statements.append(rendered(text.set_local_role, wanted.role))
        prefix.statements += map(self._ours.clears, sorted(self._standing))
        prefix.standing = frozenset()

    def _become(self, prefix: Prefix, wanted: Entered, *, fresh: bool) -> None:
        roles = self._ours
        before = wanted.resolved.get(roles.alias)
        known = self._answers.get(wanted)
        if roles.signer is not None:
            # A proof is of one transaction, whatever another one answered.
            names = frozenset(roles.own_settings)
        else:
            known = known or before
            names = wanted.names(*roles.own_settings)
        if self._applied != roles.base:
            # A session role may not resolve another, nor may it see what it is called.
            prefix.statements.append(rendered(text.set_local_role, roles.base.role))
        if left := self._standing - names:
            prefix.statements += map(roles.clears, sorted(left))
        if roles.signer is None:
            prefix.statements += self._settings(wanted.context)
        if fresh and wanted.context.asker is not Asker.ROLE:
            self._becoming = wanted
        if known is not None:
            prefix.statements += self._known(known)
            names |= known.names
        else:
            if before is not None and before.settings:
                prefix.statements.append(rendered(text.set_parameters, before.settings))
            prefix.answer = len(prefix.statements)
            prefix.statements.append(self._question(wanted, fresh=fresh))
        prefix.standing = names
        prefix.touched = self._touched | names
        self._ever_touched |= names - known.names if known else names

    def _settings(self, context: Context) -> Iterator[bytes]:
        # Said where there is no tenant, too: a function of the project's may have left one.
        yield rendered(text.set_local, self._ours.tenant_setting, context.tenant or "")
        for name, value in context.settings:
            yield rendered(text.set_local, name, value)

    def _known(self, known: Resolved) -> Iterator[bytes]:
        if known.settings:
            yield rendered(text.set_parameters, known.settings)
        if known.proof is not None:
            # Not kept: there is another one for each transaction.
            yield text.set_local(self._ours.proof_setting, known.proof).as_bytes(None)
        else:
            yield rendered(text.set_local, self._ours.user_setting, known.user)
        yield rendered(text.set_local_role, known.role)

    def _question(self, wanted: Entered, *, fresh: bool) -> bytes:
        roles, context = self._ours, wanted.context
        if roles.signer is not None:
            return self._signed_question(roles.signer, wanted, fresh=fresh)
        if context.asker is Asker.SYSTEM:
            return rendered(text.become_named, "system", roles.user_setting, False)
        make = self._makes(wanted, fresh=fresh)
        if context.asker is Asker.ROLE and context.role is not None:
            tenant = context.tenant if roles.has_tenant_roles else None
            setting, settings = roles.user_setting, roles.has_settings
            return rendered(text.become_named, context.role, setting, settings, tenant, make)
        return rendered(
            text.resolve,
            context.user,
            context.tenant,
            roles.user_setting,
            make,
            roles.has_settings,
        )

    def _signed_question(self, signer: Signer, wanted: Entered, *, fresh: bool) -> bytes:
        roles, context = self._ours, wanted.context
        known = wanted.resolved.get(roles.alias)
        by_name = known is not None or context.asker is Asker.SYSTEM
        token = signer.token(
            context,
            backend=self.pgconn.backend_pid,
            make=not by_name and self._makes(wanted, fresh=fresh),
            parameters=roles.has_settings and known is None and context.asker is not Asker.SYSTEM,
            in_tenant=roles.has_tenant_roles,
            known=known,
        )
        return text.enter(token, roles.proof_setting, roles.has_settings).as_bytes(None)

    def _makes(self, wanted: Entered, *, fresh: bool) -> bool:
        """Whether a missing role is made at once: inside a transaction an error would end it."""
        make = not fresh or self._ours.make_apart is None
        if not make:
            self._asking = wanted
        return make

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
            self._events.append(audit.became_system(wanted.context, role, self._ours.alias))
        if self._ours.alias not in wanted.heard:
            event = audit.entered(wanted.context, role, self._ours.alias)
            self._events += filter(None, (event,))
        proof = None
        if self._ours.signer is not None:
            proof = row.get_value(0, 6).decode()
            if before := wanted.resolved.get(self._ours.alias):
                settings = before.settings
        wanted.heard[self._ours.alias] = Resolved(role, user, settings, proof)

    def settle(self, prefix: Prefix, results: list[Any]) -> None:
        """The prefix went through: note what is applied now."""
        self._asking = self._becoming = None
        self._touched, self._standing = prefix.touched, prefix.standing
        if not isinstance(prefix.wanted, Keep):
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
                self._tell(failed=True)
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
        self._tell(failed=exc_type is not None)

    def _tell(self, *, failed: bool) -> None:
        connection = self.connection
        if connection._events:
            events, connection._events = connection._events, []
            audit.tell(events, robust=failed)

    def _failed(self) -> None:
        connection = self.connection
        connection.forget()
        if self.alone and not connection.closed and connection.pgconn.transaction_status != IDLE:
            connection.rollback()

    def _leave(self) -> None:
        connection = self.connection
        connection._wanted, connection._carries = self.before
        connection._prefix = connection._asking = connection._becoming = None
        if self.wanted is KEEP:
            # Django's own, as the time zone of a new connection.
            connection._astray = self.astray
