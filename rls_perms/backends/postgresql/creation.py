"""
Make test databases: owned by a role of their own, and opened as that role.

The login that makes them may become every role of the test, so that factories and fixtures
work without a context, and ``as_user`` is enforced, on one connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.core.management import CommandError
from django.db import Error, connections
from django.db.backends.postgresql.creation import DatabaseCreation as DjangoCreation

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.exceptions import WrongCredentials
from rls_perms.keywords import RoleKind
from rls_perms.roles import Mark, fixed_name, read_mark
from rls_perms.statements import advice
from rls_perms.statements import test_database as text
from rls_perms.statements.render import text as as_text

#: What a connection to a test database has among its settings, beside its name.
KEYS = (catalog.TEST_DATABASE, catalog.TEST_OWNER, catalog.TEST_LOGIN, catalog.TEST_WATCHED)
CREDENTIALS = ("USER", "PASSWORD")
#: SQLSTATE of a role that something in another database still needs.
STILL_NEEDED = "2BP01"


class MayNotTest(WrongCredentials, CommandError):
    """The login may not make a test database; ``manage.py test`` prints it and ends."""


class DatabaseCreation(DjangoCreation):
    """Django's, with an owner for the test database and its roles dropped with it."""

    #: The credentials that the alias had before its tests.
    _deployed: dict[str, Any] | None = None

    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        if self._is_ours():
            self._use_credentials()
        name = str(super().create_test_db(*args, **kwargs))
        if self._is_ours():
            # Imported here, since it imports models.
            from rls_perms.sync.following import watch

            watch(self.connection)
        return name

    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
        if self._is_ours():
            self._make_stand_ins(self._get_test_db_name())  # type: ignore[attr-defined]
        return str(super()._create_test_db(verbosity, autoclobber, keepdb))  # type: ignore[misc]

    def _get_database_create_suffix(
        self, encoding: str | None = None, template: str | None = None
    ) -> str:
        suffix = str(super()._get_database_create_suffix(encoding, template))  # type: ignore[misc]
        owner = self.connection.settings_dict.get(catalog.TEST_OWNER)
        if owner is None:
            return suffix
        own = as_text(text.owned_by(owner))
        return f"{suffix} {own}" if suffix else f"WITH {own}"

    def set_as_test_mirror(self, primary_settings_dict: dict[str, Any]) -> None:
        super().set_as_test_mirror(primary_settings_dict)
        if catalog.TEST_DATABASE in primary_settings_dict:
            self._deployed = {key: self.connection.settings_dict[key] for key in CREDENTIALS}
            for key in (*KEYS, *CREDENTIALS):
                self.connection.settings_dict[key] = primary_settings_dict[key]

    # Clones

    def get_test_db_clone_settings(self, suffix: str) -> dict[str, Any]:
        """With names of its own: roles of the source would be shared with other clones."""
        settings = dict(super().get_test_db_clone_settings(suffix))
        if catalog.TEST_DATABASE in settings:
            prefix = catalog.computed(settings["NAME"], is_test=True).prefix
            settings[catalog.TEST_DATABASE] = settings["NAME"]
            settings[catalog.TEST_LOGIN] = fixed_name(prefix, RoleKind.LOGIN)
        return settings

    def _clone_test_db(self, suffix: str, verbosity: int, keepdb: bool = False) -> None:
        super()._clone_test_db(suffix, verbosity, keepdb)  # type: ignore[misc]
        if catalog.TEST_DATABASE in self.connection.settings_dict:
            with self._connected_to(self.get_test_db_clone_settings(suffix)):
                self._take_own_names()

    @contextmanager
    def _connected_to(self, settings: dict[str, Any]) -> Iterator[None]:
        before = dict(self.connection.settings_dict)
        self.connection.close()
        self.connection.settings_dict.update(settings)
        try:
            yield
        finally:
            self.connection.close()
            self.connection.settings_dict.update(before)

    def _take_own_names(self) -> None:
        """Write functions and policies anew, for roles with the clone's own prefix."""
        # Imported here, since they import models.
        from rls_perms.policies.constraint import declaration
        from rls_perms.sync import install, sync

        database = self.connection.settings_dict["NAME"]
        prefix = catalog.computed(database, is_test=True).prefix
        with self.connection.cursor() as cursor:
            cursor.execute(as_text(text.rename_installation(prefix, database)))
        install(self.connection)
        declared = {table for _, table in catalog.declarations(self.connection)}
        with self.connection.schema_editor() as editor:
            for model in apps.get_models(include_auto_created=True):
                found = declaration(model)
                if found is not None and model._meta.db_table in declared:
                    editor.execute(found.create_sql(model, editor), params=None)
        sync(self.connection)

    # The end

    def destroy_test_db(
        self,
        old_database_name: str | None = None,
        verbosity: int = 1,
        keepdb: bool = False,
        suffix: str | None = None,
    ) -> None:
        super().destroy_test_db(old_database_name, verbosity, keepdb, suffix)
        if suffix is None and self._deployed is not None:
            self.connection.settings_dict.update(self._deployed)
            for key in KEYS:
                self.connection.settings_dict.pop(key, None)
            self._deployed = None

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        super()._destroy_test_db(test_database_name, verbosity)  # type: ignore[misc]
        settings = self.connection.settings_dict
        if catalog.TEST_DATABASE not in settings:
            return
        own = (settings[catalog.TEST_OWNER], settings[catalog.TEST_LOGIN])
        prefix = catalog.computed(test_database_name, is_test=True).prefix
        with self._nodb_cursor() as cursor:  # type: ignore[attr-defined]
            # What the owner made, the owner drops; itself and its like the login does.
            self._drop_roles(cursor, prefix, test_database_name, except_for=own)
            if settings[catalog.TEST_DATABASE] == test_database_name:
                cursor.execute(text.AS_SESSION_USER)
                self._drop_roles(cursor, prefix, test_database_name)

    def _drop_roles(
        self, cursor: Any, prefix: str, database: str, except_for: tuple[str, ...] = ()
    ) -> None:
        cursor.execute(text.MARKED, [f"{prefix}_"])
        for name, comment in cursor.fetchall():
            mark = read_mark(comment)
            if mark is None or (mark.project, mark.database) != (prefix, database):
                continue
            if name in except_for:
                continue
            try:
                cursor.execute(as_text(text.drop_role(name)))
            except Error as error:
                # A clone that a killed run left behind: the role goes with the clone's next run.
                if getattr(error.__cause__, "sqlstate", None) != STILL_NEEDED:
                    raise

    # The login that makes test databases

    def _is_ours(self) -> bool:
        return self.connection.alias in get_settings().all_aliases

    def _use_credentials(self) -> None:
        """Connect as the owner's login, which may make databases and roles; the web's may not."""
        self._deployed = {key: self.connection.settings_dict[key] for key in CREDENTIALS}
        owner = connections.settings.get(get_settings().owner_of(self.connection.alias))
        if owner is not None:
            self.connection.close()
            for key in CREDENTIALS:
                self.connection.settings_dict[key] = owner[key]

    def _make_stand_ins(self, database: str) -> None:
        """Make the roles that stand in for owner and login."""
        prefix = catalog.computed(database, is_test=True).prefix
        settings = self.connection.settings_dict
        names = {kind: fixed_name(prefix, kind) for kind in (RoleKind.OWNER, RoleKind.LOGIN)}
        with self._nodb_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(text.TESTER)
            tester, superuser, may_make_roles, may_make_databases = cursor.fetchone()
            if not (may_make_roles and may_make_databases):
                raise MayNotTest(
                    f"Tests make a database and roles of their own, and {tester!r} may not: it "
                    "needs CREATEDB and CREATEROLE. Run: "
                    f"{advice.alter_role(tester, 'CREATEDB CREATEROLE')}; or name a login that has "
                    "them in the alias of RLS_PERMS['OWNER_DATABASE']."
                )
            version = catalog.server_version(cursor.db)
            for kind, name in names.items():
                cursor.execute(text.EXISTS, [name])
                (exists,) = cursor.fetchone()
                mark = str(Mark(prefix, database, kind))
                is_owner = kind is RoleKind.OWNER
                cursor.execute(as_text(text.stand_in(name, mark, exists=exists, owner=is_owner)))
                if not superuser:
                    cursor.execute(as_text(text.let_become(name, tester, version)))
        settings[catalog.TEST_DATABASE] = database
        settings[catalog.TEST_OWNER] = names[RoleKind.OWNER]
        settings[catalog.TEST_LOGIN] = names[RoleKind.LOGIN]
