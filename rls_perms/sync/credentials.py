"""Refuse, before anything is done, to work as the wrong role or for an unsafe login."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.exceptions import PlanError, WrongCredentials
from rls_perms.statements import advice
from rls_perms.statements.changes import MEMBERSHIP_OPTIONS

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def check_logins(connection: "BaseDatabaseWrapper") -> None:
    """Raise PlanError where a login of the project could go round row security."""
    if connection.settings_dict.get(catalog.TEST_DATABASE):
        return
    names = get_settings().logins_of(connection.alias)
    known = catalog.logins(connection, names)
    has_options = catalog.server_version(connection) >= MEMBERSHIP_OPTIONS
    owner = catalog.current_role(connection)
    for name in names:
        login = known.get(name)
        if login is None:
            raise PlanError(
                f"The login role {name!r} does not exist. Create it "
                f"({advice.create_login(name)}), or correct "
                "RLS_PERMS['LOGIN_ROLES'] or USER in DATABASES."
            )
        if login.superuser or login.bypasses:
            raise PlanError(
                f"The login role {name!r} is a superuser or has BYPASSRLS, so no policy would bind "
                f"it. Run: {advice.alter_role(name, 'NOSUPERUSER NOBYPASSRLS')}; or use another "
                "login."
            )
        if login.may_become_owner:
            member = owner.installed_by or owner.name
            raise PlanError(
                f"The login role {name!r} is a member of the owner {member!r}, so it could drop "
                f"every policy. Run: {advice.revoke_role(member, name)};"
            )
        if login.inherits and not has_options:
            raise PlanError(
                f"The login role {name!r} would inherit every role that it may become: before "
                "PostgreSQL 16 that is its own attribute. Run: "
                f"{advice.alter_role(name, 'NOINHERIT')};"
            )
        if login.makes_roles and not has_options:
            raise PlanError(
                f"The login role {name!r} has CREATEROLE, with which it could make itself a member "
                "of the owner before PostgreSQL 16. Run: "
                f"{advice.alter_role(name, 'NOCREATEROLE')};"
            )


def lacks_createrole(name: str, statements: Iterable[str]) -> WrongCredentials:
    """The error that says what a role with CREATEROLE has to run instead of *name*."""
    lines = "\n".join(f"  {statement};" for statement in statements)
    return WrongCredentials(
        f"{name!r} lacks CREATEROLE, so it cannot make or change the roles. Run: "
        f"{advice.alter_role(name, 'CREATEROLE')}; or let a role that has it run:\n{lines}"
    )
