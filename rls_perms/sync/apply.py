"""Take the difference between what a database holds and should hold, and apply it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from django.db import Error, transaction

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.desired import Wanted, desired_state, schemas
from rls_perms.exceptions import PlanError, WrongCredentials
from rls_perms.plan import AddMembership, CreateRole, Plan, RenameRole, diff
from rls_perms.policies.constraint import role_names
from rls_perms.statements.changes import MEMBERSHIP_OPTIONS, statement
from rls_perms.statements.install import LOCK
from rls_perms.statements.render import text as as_text
from rls_perms.sync.auth import read_auth
from rls_perms.sync.install import check_credentials, wanted_functions
from rls_perms.sync.tables import Survey, survey

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: SQLSTATEs of concurrent role DDL, after which the difference is taken again.
CONCURRENT = ("XX000", "23505", "42710", "42704")
ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sync did, or would do, and what a person should know."""

    plan: Plan
    warnings: tuple[str, ...]


def plan(connection: "BaseDatabaseWrapper") -> Outcome:
    """What there is to do; changes nothing. Raises PlanError, WrongCredentials."""
    role = check_credentials(connection)
    installed = catalog.installation(connection)
    if installed is None:
        raise PlanError(
            f"rls_perms is not installed in {role.database!r} yet. Run migrate with the owner's "
            "credentials first."
        )
    tables = survey(connection, role.name)
    is_test = bool(connection.settings_dict.get(catalog.TEST_DATABASE))
    logins = () if is_test else get_settings().login_roles
    _check_logins(connection, logins, role.name)
    session = catalog.logins(connection, [role.session])[role.session]
    has_options = catalog.server_version(connection) >= MEMBERSHIP_OPTIONS
    members = (*logins, role.session) if is_test else logins
    actual = catalog.actual_state(connection, installed, members, schemas(tables.tables))
    auth = read_auth(connection)
    wanted = Wanted(
        names=role_names(installed),
        auth=auth,
        tables=tables.tables,
        logins=logins,
        definitions=frozenset({wanted_functions(connection), *tables.views}),
        is_test=is_test,
        tester=role.session if is_test and not session.superuser else None,
        tester_inherits=session.inherits and not has_options,
    )
    found = diff(actual, desired_state(wanted, actual))
    return Outcome(found, tuple(_warnings(wanted, tables)))


def sync(connection: "BaseDatabaseWrapper") -> Outcome:
    """
    Apply what there is to do, in one transaction; with nothing to do, send nothing.

    Roles belong to the cluster, so another database may be at it too: then the difference
    is taken again. Raises PlanError, WrongCredentials.
    """
    for attempt in range(ATTEMPTS):
        outcome = plan(connection)
        if not outcome.plan:
            return outcome
        _check_may_make_roles(connection, outcome.plan)
        try:
            with transaction.atomic(using=connection.alias):
                catalog.lock(connection, LOCK)
                # Again, since another sync may have been at it until now.
                outcome = plan(connection)
                _execute(connection, outcome.plan)
        except Error as error:
            cause = error.__cause__
            known = isinstance(cause, psycopg.Error) and cause.sqlstate in CONCURRENT
            if not known or attempt == ATTEMPTS - 1:
                raise
        else:
            return outcome
    raise AssertionError("unreachable: the last attempt returns or raises")


def _execute(connection: "BaseDatabaseWrapper", changes: Plan) -> None:
    version = catalog.server_version(connection)
    with connection.cursor() as cursor:
        for change in changes:
            cursor.execute(as_text(statement(change, version)))


def _check_logins(
    connection: "BaseDatabaseWrapper", names: Iterable[str], owner: str
) -> None:
    known = catalog.logins(connection, names)
    has_options = catalog.server_version(connection) >= MEMBERSHIP_OPTIONS
    for name in names:
        login = known.get(name)
        if login is None:
            raise PlanError(
                f"The login role {name!r} does not exist. Create it "
                f"(CREATE ROLE {name} LOGIN NOINHERIT PASSWORD '...'), or correct "
                "RLS_PERMS['LOGIN_ROLES'] or USER in DATABASES."
            )
        if login.superuser or login.bypasses:
            raise PlanError(
                f"The login role {name!r} is a superuser or has BYPASSRLS, so no policy would bind "
                f"it. Run: ALTER ROLE {name} NOSUPERUSER NOBYPASSRLS; or use another login."
            )
        if login.may_become_owner:
            raise PlanError(
                f"The login role {name!r} is a member of the owner {owner!r}, so it could drop "
                f"every policy. Run: REVOKE {owner} FROM {name};"
            )
        if login.inherits and not has_options:
            raise PlanError(
                f"The login role {name!r} would inherit every role that it may become: before "
                f"PostgreSQL 16 that is its own attribute. Run: ALTER ROLE {name} NOINHERIT;"
            )


def _check_may_make_roles(connection: "BaseDatabaseWrapper", changes: Plan) -> None:
    role = catalog.current_role(connection)
    if role.create_role or role.superuser:
        return
    needed = [one for one in changes if isinstance(one, (CreateRole, RenameRole, AddMembership))]
    if needed:
        version = catalog.server_version(connection)
        lines = "\n".join(f"  {as_text(statement(one, version))};" for one in needed)
        raise WrongCredentials(
            f"{role.name!r} lacks CREATEROLE, so it cannot make the roles that are missing. Run: "
            f"ALTER ROLE {role.name} CREATEROLE; or let a role that has it run:\n{lines}"
        )


def _warnings(wanted: Wanted, tables: Survey) -> Iterable[str]:
    names = set(wanted.auth.groups.values())
    for name in sorted(wanted.names.configured.keys() - names):
        yield (
            f"RLS_PERMS['GROUP_ROLES'] lists the group {name!r}, which does not exist. Its role "
            "is made now and adopts the group when it is made; correct the name if it is a slip."
        )
    yield from tables.warnings
