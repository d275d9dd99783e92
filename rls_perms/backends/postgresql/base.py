"""The database wrapper: what each statement wants, and what an error means."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import register_tzloader
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg import errors
from psycopg.pq import Format

from rls_perms import catalog
from rls_perms.backends.postgresql.columns import NONE, closed_to
from rls_perms.backends.postgresql.creation import DatabaseCreation
from rls_perms.backends.postgresql.cursors import (
    Cursor,
    ServerBindingCursor,
    ServerBindingServerSideCursor,
    ServerSideCursor,
)
from rls_perms.backends.postgresql.features import DatabaseFeatures
from rls_perms.backends.postgresql.operations import DatabaseOperations
from rls_perms.backends.postgresql.passed_over import keys_named
from rls_perms.backends.postgresql.prefix import KEEP, LOGIN, Plain, Roles, Wanted
from rls_perms.backends.postgresql.refusal import refused
from rls_perms.backends.postgresql.schema import DatabaseSchemaEditor
from rls_perms.backends.postgresql.transport import RoleConnection
from rls_perms.conf import get_settings
from rls_perms.context import ClosedColumns, Entered, current
from rls_perms.denial import Asking, denied
from rls_perms.exceptions import NamedGroup, PermissionDenied, UnknownRole
from rls_perms.framework import deciding_tables
from rls_perms.signing import Signer
from rls_perms.statements import session as text
from rls_perms.testing import bare_login

#: SQLSTATEs of concurrent role DDL: another session was making the same thing.
CONCURRENT = ("XX000", "23505", "42710", "42704")
ATTEMPTS = 5

#: No role of that name; no role for a user, in a transaction that may not make one; too many.
NO_SUCH_ROLE = ("RP002", "RP004", "RP005")

#: A live trigger refused to rename a group.
NAMED_GROUP = "RP008"


class _Driver(ModuleType):
    """psycopg, but that its connections know about roles: what Django connects with."""

    connect = RoleConnection.connect

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class _ErrorWrapper(DatabaseErrorWrapper):
    """Makes a denial Django's ``PermissionDenied``, and says what to do next."""

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if exc_type is None:
            return
        if isinstance(exc_value, psycopg.Error):
            signs = get_settings().signed_context
            refusal = refused(exc_value, signs=signs)
            if refusal is not None:
                raise refusal.with_traceback(traceback) from exc_value
        if isinstance(exc_value, errors.InsufficientPrivilege):
            denial = self.wrapper.denial(exc_value)  # type: ignore[attr-defined]
            raise denial.with_traceback(traceback) from exc_value
        if isinstance(exc_value, psycopg.Error) and exc_value.sqlstate in NO_SUCH_ROLE:
            message = f"{exc_value.diag.message_primary}. {exc_value.diag.message_hint}"
            raise UnknownRole(message).with_traceback(traceback) from exc_value
        if isinstance(exc_value, psycopg.Error) and exc_value.sqlstate == NAMED_GROUP:
            message = f"{exc_value.diag.message_primary}. {exc_value.diag.message_hint}"
            raise NamedGroup(message).with_traceback(traceback) from exc_value
        super().__exit__(exc_type, exc_value, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """Runs each statement as the role that it is meant for."""

    Database = _Driver("psycopg")
    SchemaEditorClass = DatabaseSchemaEditor
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        #: The ORM's statement that is being compiled; the compiler's own.
        self.compiling: Any = None
        #: Whether the statement that is being run belongs to the login, whatever the context.
        self.as_login = False
        #: The compiler of the ORM's statement that is being run.
        self.running: Any = None
        #: Whether what is being run keeps what is applied: savepoints and the like.
        self._as_applied = False
        #: Whether what is being run belongs to nobody: the making of a savepoint.
        self._as_nobody = False
        #: Whether what is being run is none of the project's: no test counts it.
        self._unseen = False
        #: Whether roles had to follow the auth tables since tests began.
        self._followed = False
        pool = self.settings_dict.get("OPTIONS", {}).get("pool")
        if pool:
            options = {} if pool is True else pool
            settings_dict["OPTIONS"]["pool"] = {**options, "connection_class": RoleConnection}

    # Connecting

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        server_side = self.settings_dict["OPTIONS"].get("server_side_binding") is True
        params["cursor_factory"] = ServerBindingCursor if server_side else Cursor
        if self.test_owner is not None:
            # The one exception to nothing at session level: tests begin as the owner.
            options = params.get("options", "")
            params["options"] = f"{options} -c role={self.test_owner}".strip()
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.server_cursor_factory = ServerBindingServerSideCursor
        connection.roles = self._roles(connection.info.dbname) if self.is_ours else None
        return connection

    def init_connection_state(self) -> None:
        with self._keeping_role():
            super().init_connection_state()

    def is_usable(self) -> bool:
        with self._keeping_role():
            return bool(super().is_usable())

    def _close(self) -> None:
        if self.connection is not None:
            # A pool gives it to another thread's wrapper next, and checks it without one.
            self.connection.roles = None
        super()._close()  # type: ignore[misc]

    def create_cursor(self, name: str | None = None) -> Any:
        if name is None or self.settings_dict["OPTIONS"].get("server_side_binding") is True:
            return super().create_cursor(name)
        cursor = ServerSideCursor(  # type: ignore[call-arg]
            self.connection, name=name, scrollable=False, withhold=self.connection.autocommit
        )
        self._adapt_timezone(cursor)
        return cursor

    def _adapt_timezone(self, cursor: Any) -> None:
        loader = cursor.connection.adapters.get_loader(base.TIMESTAMPTZ_OID, Format.TEXT)
        if self.timezone != loader.timezone:
            register_tzloader(self.timezone, cursor)

    # Roles

    @property
    def is_ours(self) -> bool:
        """Whether statements on this alias run as the role of the context."""
        return self.alias in get_settings().databases

    @property
    def is_test(self) -> bool:
        return bool(self.settings_dict.get(catalog.TEST_DATABASE))

    @property
    def test_owner(self) -> str | None:
        """The role that owns a test database; None outside tests."""
        return self.settings_dict.get(catalog.TEST_OWNER)

    @property
    def test_login(self) -> str | None:
        """The role that stands in for the login in a test database."""
        return self.settings_dict.get(catalog.TEST_LOGIN)

    def _roles(self, database: str) -> Roles:
        conf = get_settings()
        return Roles(
            wanted=self._wanted,
            alias=self.alias,
            guc_prefix=conf.guc_prefix,
            has_settings=any(one.settings for one in conf.group_roles.values()),
            base=self._base,
            make_apart=None if self.is_test else self._make_session_role,
            ask_again=self._ask_again,
            deciding=deciding_tables(),
            follow=self._follow if self.is_test else None,
            signer=Signer(conf, database) if conf.signed_context else None,
        )

    def _ask_again(self) -> None:
        source = current.get()
        # Not entered(), which may ask the database, in the middle of an answer.
        while source is not None and (found := source.found) is not None:
            found.resolved.pop(self.alias, None)
            source = found.previous

    @property
    def _base(self) -> Plain:
        """What a transaction starts as: the login, or in tests the owner."""
        owner = self.settings_dict.get(catalog.TEST_OWNER)
        return LOGIN if owner is None else Plain(owner)

    @property
    def _login(self) -> Plain:
        login = self.settings_dict.get(catalog.TEST_LOGIN)
        return LOGIN if login is None else Plain(login)

    def _wanted(self) -> Wanted:
        if self._unseen or self._as_nobody:
            return self._base
        if self._as_applied:
            return KEEP
        source = current.get()
        if source is None:
            return self._login if bare_login.get() else self._base
        if self.as_login:
            return self._login
        # What finds the context may run statements of its own, and they are not this one.
        before = self.compiling, self.as_login
        self.compiling, self.as_login = None, False
        try:
            return source.entered()
        finally:
            self.compiling, self.as_login = before

    def closed_columns(self) -> ClosedColumns:
        """The columns with ColumnPermissions that the role of the context may not use."""
        source = current.get()
        if source is None or not self.is_ours:
            return NONE
        # It may be asked while a statement is compiled, and the question is not that one.
        before = self.compiling, self.as_login
        self.compiling, self.as_login = None, False
        try:
            return closed_to(source.entered(), self)
        finally:
            self.compiling, self.as_login = before

    @property
    def asking(self) -> Asking:
        """Who asks, for an error."""
        source = current.get()
        if source is None or not self.is_ours:
            return Asking("the login role, without a context")
        if self.as_login:
            return Asking("the login role, which runs statements on the framework's tables alone")
        entered = source.entered()
        heard = entered.heard.get(self.alias)
        role = "" if heard is None else f" (role {heard.role})"
        return Asking(
            words=f"{entered.context}{role}",
            user=entered.context.user,
            role=None if heard is None else heard.role,
        )

    def denial(self, error: errors.InsufficientPrivilege) -> PermissionDenied:
        """The exception for *error*, with what is known of the statement."""
        running = self.running
        if running is None:
            return denied(error, self.asking)
        keys = keys_named(running.query) if running.action in ("change", "delete") else None
        return denied(
            error,
            self.asking,
            running=running.query.model,
            action=running.action,
            keys=keys or (),
        )

    def _follow(self) -> None:
        # Imported here, since it imports models.
        from rls_perms.sync.following import follow

        if self.settings_dict.get(catalog.TEST_WATCHED) and follow(self):
            self._followed = True

    @property
    def _begins_test(self) -> bool:
        """Whether a savepoint begins a test whose class has a transaction of its own."""
        blocks = self.atomic_blocks
        if len(blocks) != 1 or self._unseen:
            return False
        return bool(blocks[0]._from_testcase)  # type: ignore[attr-defined]

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Run statements of the library's own as the owner; no test counts, logs or wraps them."""
        before = self._unseen, self.execute_wrappers
        self._unseen, self.execute_wrappers = True, []
        try:
            yield
        finally:
            self._unseen, self.execute_wrappers = before

    @property
    def queries_logged(self) -> bool:
        return not self._unseen and bool(super().queries_logged)

    @contextmanager
    def _keeping_role(self) -> Iterator[None]:
        before, self._as_applied = self._as_applied, True
        try:
            yield
        finally:
            self._as_applied = before

    # A savepoint belongs to nobody: it must work whoever is asking, after an error too.

    def _savepoint(self, sid: str) -> None:
        if self._followed and self._begins_test:
            # What setUpTestData made gets its roles once for the class, not in each test anew.
            self._follow()
        with self._leaving_role() if get_settings().signed_context else self._keeping_role():
            super()._savepoint(sid)  # type: ignore[misc]

    @contextmanager
    def _leaving_role(self) -> Iterator[None]:
        """
        Leave the context for a moment, in the same message as what is run.

        ROLLBACK TO brings back what was applied when a savepoint was made: SQL that was
        injected later, for somebody else, must find nobody's proof there.
        """
        before, self._as_nobody = self._as_nobody, True
        try:
            yield
        finally:
            self._as_nobody = before

    def _savepoint_rollback(self, sid: str) -> None:
        with self._keeping_role():
            super()._savepoint_rollback(sid)  # type: ignore[misc]

    def _savepoint_commit(self, sid: str) -> None:
        with self._keeping_role():
            super()._savepoint_commit(sid)  # type: ignore[misc]

    def _make_session_role(self, entered: Entered) -> None:
        """
        Make the role of a combination that nobody had, over a connection of its own.

        Inside the transaction to come, others would wait for it and a rollback undo it.
        """
        context = entered.context
        info = self.connection.info
        signer = self.connection.roles.signer
        statement = text.make_session_role(str(context.user), context.tenant)
        with psycopg.connect(info.dsn, password=info.password or None, autocommit=True) as apart:
            for attempt in range(ATTEMPTS):
                if signer is not None:
                    backend = apart.pgconn.backend_pid
                    token = signer.token(context, backend=backend, make=True)
                    statement = text.enter_apart(token)
                try:
                    apart.execute(statement)
                except psycopg.Error as error:
                    if error.sqlstate not in CONCURRENT or attempt == ATTEMPTS - 1:
                        raise
                else:
                    return

    # Errors

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        return _ErrorWrapper(self)
