"""The database wrapper: what each statement wants, and what an error means."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import register_tzloader
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg import errors
from psycopg.pq import Format

from rls_perms import catalog, strict
from rls_perms.audit import Cause
from rls_perms.backends.postgresql import making
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
from rls_perms.denial import Asking, denied, tell
from rls_perms.exceptions import ConfigurationError, NamedGroup, PermissionDenied, UnknownRole
from rls_perms.framework import deciding_tables
from rls_perms.signing import Signer
from rls_perms.testing import bare_login

#: No role of that name; no role for a user, in a transaction that may not make one; too many.
NO_SUCH_ROLE = ("RP002", "RP004", "RP005")

#: A live trigger refused to rename a group.
NAMED_GROUP = "RP008"


class _Driver(ModuleType):
    """psycopg, but that its connections know about roles: what Django connects with."""

    connect = RoleConnection.connect

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


def _check_connection_class(alias: str, pool: dict[str, Any]) -> None:
    given = pool.get("connection_class", RoleConnection)
    if not issubclass(given, RoleConnection):
        raise ConfigurationError(
            f'DATABASES["{alias}"]["OPTIONS"]["pool"]["connection_class"] is {given.__qualname__}, '
            "whose connections do not know as whom statements run. Let it inherit "
            "rls_perms.backends.postgresql.transport.RoleConnection, or remove it."
        )


class _ErrorWrapper(DatabaseErrorWrapper):
    """Makes a denial Django's ``PermissionDenied``, and says what to do next."""

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if exc_type is None:
            return
        if isinstance(exc_value, psycopg.Error):
            signs, wrapper = get_settings().signed_context, self.wrapper  # type: ignore[attr-defined]
            refusal = refused(exc_value, signs=signs, entered=wrapper.has_entered)
            if refusal is not None:
                tell(Cause.CONTEXT, wrapper.asking, sqlstate=refusal.sqlstate)
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
        super().__init__(settings_dict, alias=alias)
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
            _check_connection_class(alias, options)
            settings_dict["OPTIONS"]["pool"] = {"connection_class": RoleConnection, **options}

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

    def chunked_cursor(self) -> Any:
        # Behind a pooler, processes share a session, and would call their cursors by the same
        # numbers: reading one that another user declared, with that user's rows in it.
        self._named_cursor_idx = secrets.randbelow(10**15)
        return super().chunked_cursor()

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
        of_tenants = () if conf.tenant_roles is None else conf.tenant_roles.tenants.values()
        return Roles(
            wanted=self._wanted,
            alias=self.alias,
            guc_prefix=conf.guc_prefix,
            has_settings=any(one.settings for one in (*conf.group_roles.values(), *of_tenants)),
            has_tenant_roles=conf.tenant_roles is not None,
            base=self._base,
            make_apart=None if self.is_test else self._make_session_role,
            ask_again=self._ask_again,
            refuse=self._refuse_without_context,
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
        with self.outside_statement():
            return source.entered()

    @property
    def is_strict(self) -> bool:
        """Whether a statement without a context is refused here, if it names protected tables."""
        conf = get_settings()
        if not conf.strict_mode or not self.is_ours or self._unseen or current.get() is not None:
            return False
        if self.is_test:
            # There no context is the owner, whom nothing is refused.
            return bare_login.get()
        # The owner's commands may run on this alias, with other credentials.
        user = self.settings_dict["USER"]
        return not user or user in conf.logins_of(self.alias)

    def _refuse_without_context(self, query: Any) -> None:
        """Raise NoContext, in strict mode, for *query* as a cursor gets it."""
        if not self.is_strict:
            return
        running = self.running
        model = strict.named_in(strict.text_of(query), running is not None)
        if model is None:
            return
        action = None
        if running is not None:
            # What it is done to is one table; others that it names are read.
            is_target = model._meta.db_table == running.query.model._meta.db_table
            action = running.action if is_target else "view"
        raise strict.without_context(model, self.alias, action)

    def closed_columns(self) -> ClosedColumns:
        """The columns with ColumnPermissions that the role of the context may not use."""
        source = current.get()
        if source is None or not self.is_ours:
            return NONE
        # It may be asked while a statement is compiled, and the question is not that one.
        with self.outside_statement():
            return closed_to(source.entered(), self)

    @contextmanager
    def outside_statement(self) -> Iterator[None]:
        """Statements that run meanwhile are not the one that is being compiled or run."""
        before = self.compiling, self.as_login
        self.compiling, self.as_login = None, False
        try:
            yield
        finally:
            self.compiling, self.as_login = before

    @property
    def asking(self) -> Asking:
        """Who asks, for an error."""
        source = current.get()
        if source is None or not self.is_ours:
            return Asking("the login role, without a context", database=self.alias)
        if self.as_login:
            words = "the login role, which runs statements on the framework's tables alone"
            return Asking(words, database=self.alias)
        entered = source.entered()
        heard = entered.heard.get(self.alias)
        role = "" if heard is None else f" (role {heard.role})"
        return Asking(
            words=f"{entered.context}{role}",
            user=entered.context.user,
            role=None if heard is None else heard.role,
            context=entered.context,
            database=self.alias,
        )

    @property
    def has_entered(self) -> bool:
        """Whether the database said which role the context in force is here."""
        source = current.get()
        return source is not None and source.found is not None and self.alias in source.found.heard

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
        making.make(entered.context, self)

    def on_commit(self, func: Any, robust: bool = False) -> None:
        """Django's; *func* runs as who registers it, whoever it is when the transaction ends."""
        later = self.in_atomic_block and callable(func)
        super().on_commit(self._as_registered(func) if later else func, robust)

    def _as_registered(self, func: Any) -> Any:
        source = current.get()
        # Found here: a request's user is lazy, and after login() another's.
        context = None if source is None else source.entered().context

        @wraps(func)
        def as_registered() -> None:
            # A new one: the transaction may have changed which role that user has.
            token = current.set(None if context is None else Entered(context))
            try:
                func()
            finally:
                current.reset(token)

        return as_registered

    # Errors

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        return _ErrorWrapper(self)
