"""
Make test databases: owned by a role of their own, and opened as that role.

The login that makes them may become every role of the test, so that factories and fixtures
work without a context, and ``as_user`` is enforced, on one connection.
"""

from typing import Any

from django.db import connections
from django.db.backends.postgresql.creation import DatabaseCreation as DjangoCreation

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.exceptions import WrongCredentials
from rls_perms.keywords import RoleKind
from rls_perms.roles import Mark, fixed_name
from rls_perms.statements import test_database as text


class DatabaseCreation(DjangoCreation):
    """Django's, with an owner for the test database and its roles dropped with it."""

    def _get_database_create_suffix(
        self, encoding: str | None = None, template: str | None = None
    ) -> str:
        suffix = str(super()._get_database_create_suffix(encoding, template))
        owner = self.connection.settings_dict.get(catalog.TEST_OWNER)
        if owner is None:
            return suffix
        own = text.owned_by(owner).as_string(None)
        return f"{suffix} {own}" if suffix else f"WITH {own}"

    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        self._use_credentials()
        return str(super().create_test_db(*args, **kwargs))

    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
        if self._is_ours():
            self._make_roles(self._get_test_db_name())
        return str(super()._create_test_db(verbosity, autoclobber, keepdb))

    def set_as_test_mirror(self, primary_settings_dict: dict[str, Any]) -> None:
        super().set_as_test_mirror(primary_settings_dict)
        for key in (catalog.TEST_DATABASE, catalog.TEST_OWNER, catalog.TEST_LOGIN):
            if key in primary_settings_dict:
                self.connection.settings_dict[key] = primary_settings_dict[key]
        if catalog.TEST_DATABASE in primary_settings_dict:
            for key in ("USER", "PASSWORD"):
                self.connection.settings_dict[key] = primary_settings_dict[key]

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        super()._destroy_test_db(test_database_name, verbosity)
        settings = self.connection.settings_dict
        # A clone shares the roles of the database that it was made from.
        if settings.get(catalog.TEST_DATABASE) == test_database_name:
            with self._nodb_cursor() as cursor:
                cursor.execute(text.DROP_ROLES, [f"{self._prefix(test_database_name)}_"])

    def _is_ours(self) -> bool:
        conf = get_settings()
        return self.connection.alias in (*conf.databases, conf.owner_database)

    def _use_credentials(self) -> None:
        """Connect as the owner's login, which may make databases and roles; the web's may not."""
        conf = get_settings()
        owner = connections.settings.get(conf.owner_database)
        if self.connection.alias in conf.databases and owner is not None:
            self.connection.close()
            for key in ("USER", "PASSWORD"):
                self.connection.settings_dict[key] = owner[key]

    def _prefix(self, database: str) -> str:
        self.connection.settings_dict[catalog.TEST_DATABASE] = database
        return catalog.computed(database, is_test=True).prefix

    def _make_roles(self, database: str) -> None:
        prefix = self._prefix(database)
        settings = self.connection.settings_dict
        owner = fixed_name(prefix, RoleKind.OWNER)
        login = fixed_name(prefix, RoleKind.LOGIN)
        with self._nodb_cursor() as cursor:
            cursor.execute(text.MAY_MAKE)
            name, may_make_roles, may_make_databases = cursor.fetchone()
            if not (may_make_roles and may_make_databases):
                raise WrongCredentials(
                    f"Tests make a database and roles of their own, and {name!r} may not: it needs "
                    f"CREATEDB and CREATEROLE. Run: ALTER ROLE {name} CREATEDB CREATEROLE; or name "
                    "a login that has them in the alias of RLS_PERMS['OWNER_DATABASE']."
                )
            for role, kind in ((owner, RoleKind.OWNER), (login, RoleKind.LOGIN)):
                mark = Mark(prefix, database, kind)
                cursor.execute(text.ENSURE_ROLE, [role, str(mark), kind is RoleKind.OWNER])
        settings[catalog.TEST_OWNER] = owner
        settings[catalog.TEST_LOGIN] = login

    def _nodb_cursor(self) -> Any:
        return self.connection._nodb_cursor()
