"""Take the difference between what a database holds and should hold, and apply it."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
from django.db import Error, transaction

from rls_perms import catalog
from rls_perms.conf import TenantRoles, get_settings
from rls_perms.desired import Wanted, desired_state
from rls_perms.exceptions import PlanError, WrongCredentials
from rls_perms.keywords import RoleKind
from rls_perms.limits import MANY, MANY_BEFORE_16, check_limits
from rls_perms.plan import (
    NOTHING,
    AddMembership,
    Change,
    CreateRole,
    Define,
    DropRole,
    MarkRole,
    Plan,
    RemoveMembership,
    RenameRole,
    ResetRole,
    RevokePrivileges,
    diff,
)
from rls_perms.policies.constraint import role_names
from rls_perms.state import State
from rls_perms.statements import advice
from rls_perms.statements.changes import MEMBERSHIP_OPTIONS, statement
from rls_perms.statements.install import LOCK
from rls_perms.statements.live import PATIENCE, SHORT_PATIENCE, lock_tables
from rls_perms.statements.render import text as as_text
from rls_perms.sync.auth import read_auth
from rls_perms.sync.credentials import check_logins, lacks_createrole
from rls_perms.sync.install import wanted_functions
from rls_perms.sync.keys import wanted_keys
from rls_perms.sync.live import followed_tables, live_definitions
from rls_perms.sync.parameters import check_parameters
from rls_perms.sync.tables import Survey, survey
from rls_perms.sync.written_logins import wanted_logins

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: SQLSTATEs of concurrent role DDL, after which the difference is taken again.
CONCURRENT = ("XX000", "23505", "42710", "42704", "40P01", "55P03")
ATTEMPTS = 10
#: How often the difference is applied until nothing is left of it.
ROUNDS = 3


#: Called with the number of changes that are done, of how many, and the one that comes next.
Progress = Callable[[int, int, Change], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sync did, or would do, and what a person should know."""

    plan: Plan
    warnings: tuple[str, ...]
    #: What could not be done: only another role may take it back, or something needs the role.
    left: Plan = NOTHING


def plan(
    connection: "BaseDatabaseWrapper", *, prune: bool = False, as_used: bool = False
) -> Outcome:
    """
    What there is to do; changes nothing. Raises PlanError, WrongCredentials.

    With *prune*, roles that stand for nothing are dropped, unless anything in the cluster still
    needs them. With *as_used*, groups and direct permissions that users got or lost since the last
    sync are nothing to be done: first use makes the role of a combination that is missing, and
    one that nobody has any more harms nobody.
    """
    role = catalog.check_credentials(connection)
    installed = catalog.installation(connection)
    if installed is None:
        raise PlanError(
            f"rls_perms is not installed in {role.database!r} yet. Run migrate with the owner's "
            "credentials first."
        )
    with catalog.as_installed(installed):
        return _plan(connection, role, installed, prune=prune, as_used=as_used)


def _plan(
    connection: "BaseDatabaseWrapper",
    role: catalog.CurrentRole,
    installed: catalog.Installation,
    *,
    prune: bool,
    as_used: bool,
) -> Outcome:
    owner = role.installed_by or role.name
    tables = survey(connection, owner)
    is_test = bool(connection.settings_dict.get(catalog.TEST_DATABASE))
    logins = () if is_test else get_settings().logins_of(connection.alias)
    check_logins(connection)
    session = catalog.logins(connection, [role.session])[role.session]
    version = catalog.server_version(connection)
    has_options = version >= MEMBERSHIP_OPTIONS
    actual = catalog.actual_state(
        connection,
        installed,
        logins,
        tables.tables.managed(),
        tables.tables.schemas,
        signed=get_settings().signed_context,
    )
    if get_settings().signed_context:
        _refuse_makers(connection, actual)
    kept = frozenset(one for one in actual.definitions if one.name not in tables.emptied)
    actual = replace(actual, definitions=kept | tables.made)
    auth = read_auth(connection)
    of_tenants = get_settings().tenant_roles or TenantRoles()
    wanted = Wanted(
        names=role_names(installed),
        auth=auth,
        tables=tables.tables,
        logins=logins,
        settings={name: one.settings for name, one in get_settings().group_roles.items()},
        tenant_settings={key: one.settings for key, one in of_tenants.tenants.items()},
        shares=of_tenants.logins,
        tenant_logins=wanted_logins(connection),
        definitions=frozenset({wanted_functions(connection), wanted_keys(), *tables.definitions}),
        is_test=is_test,
        tester=role.session if is_test and not session.superuser else None,
        tester_inherits=session.inherits and not has_options,
        has_options=has_options,
        as_used=as_used and not prune,
        signed=get_settings().signed_context,
    )
    live, not_live = live_definitions(connection, wanted, owner)
    wanted = replace(wanted, definitions=wanted.definitions | live)
    desired = desired_state(wanted, actual)
    # Roles that a declaration names and that are not ours: what they have need not be given again.
    foreign = {one.role for one in desired.grants} - {one.name for one in desired.roles} - {*logins}
    if foreign:
        held = catalog.grants_of(connection, foreign) & desired.grants
        actual = replace(actual, grants=actual.grants | held)
    many = MANY if has_options else MANY_BEFORE_16
    crowded = tuple(check_limits(desired.memberships, logins, many))
    found = diff(actual, desired, prune=prune)
    check_parameters(connection, found, logins)
    left = {
        **{one: _left_over(one, version) for one in _out_of_reach(connection, found, version)},
        **_still_needed(connection, found),
    }
    done = Plan(tuple(change for change in found if change not in left))
    warnings = [*_warnings(wanted, tables), *not_live, *crowded, *left.values()]
    return Outcome(done, tuple(warnings), Plan(tuple(left)))


def _refuse_makers(connection: "BaseDatabaseWrapper", actual: State) -> None:
    """
    Raise PlanError if a session may have a view that the owner cannot do anything about.

    PostgreSQL applies the policies of a view's owner, whoever reads it: one that an attacker
    makes as another role would show them that role's rows.
    """
    sessions = (one.name for one in actual.roles if one.mark.kind is not RoleKind.OWNER)
    makers = catalog.makers(connection, sorted(sessions))
    if makers:
        raise PlanError(
            "RLS_PERMS['SIGNED_CONTEXT'] holds only where nobody but the owner makes views, which "
            "show the rows of whoever made them. Let a superuser run:\n  "
            + "\n  ".join(f"{one};" for one in makers)
        )


def sync(
    connection: "BaseDatabaseWrapper",
    *,
    prune: bool = False,
    progress: Progress = lambda done, of, change: None,
) -> Outcome:
    """
    Apply what there is to do, in one transaction; with nothing to do, send nothing.

    *prune* is as ``plan`` has it; *progress* is called before each change.

    Roles belong to the cluster, so another database may be at it too: then the difference
    is taken again. Raises PlanError, WrongCredentials.
    """
    # Without a lock at first: most syncs find nothing, and then none waits for another.
    outcome = plan(connection, prune=prune)
    if not outcome.plan:
        return outcome
    _check_may_make_roles(connection, outcome.plan)
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic(using=connection.alias):
                _lock(connection, outcome.plan)
                return _converge(connection, prune, progress)
        except Error as error:
            cause = error.__cause__
            known = isinstance(cause, psycopg.Error) and cause.sqlstate in CONCURRENT
            if not known or attempt == ATTEMPTS - 1:
                raise
            # Not at once and not all together: who was faster is given the time to end.
            time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - no secret
    raise AssertionError("unreachable: the last attempt returns or raises")


def _lock(connection: "BaseDatabaseWrapper", changes: Plan) -> None:
    """
    Keep other syncs and the live triggers out until the end of the transaction.

    To make triggers, their tables are locked, too. Whoever writes to one waits for the first
    lock and has the table: so wait for neither with the other in hand, but try again.
    """
    defined = {one.definition.name for one in changes if isinstance(one, Define)}
    tables = followed_tables(connection)
    if not tables or not defined & {catalog.LIVE, catalog.NOT_LIVE}:
        catalog.lock(connection, LOCK)
        return
    with connection.cursor() as cursor:
        cursor.execute(SHORT_PATIENCE)
        cursor.execute(as_text(lock_tables(tables)))
        catalog.lock(connection, LOCK)
        cursor.execute(PATIENCE)


def _converge(connection: "BaseDatabaseWrapper", prune: bool, progress: Progress) -> Outcome:
    """
    Apply until nothing is left: REVOKE may take along what was granted further.

    The difference is taken anew, since another sync may have been at it until now.
    """
    done: list[Change] = []
    for _ in range(ROUNDS):
        outcome = plan(connection, prune=prune)
        if not outcome.plan:
            return replace(outcome, plan=Plan(tuple(done)))
        _execute(connection, outcome.plan, progress)
        done += outcome.plan
    raise PlanError(
        f"PostgreSQL took these changes {ROUNDS} times and they still had no effect: "
        f"{'; '.join(map(str, outcome.plan))}. Look whether an event trigger undoes them."
    )


def _execute(connection: "BaseDatabaseWrapper", changes: Plan, progress: Progress) -> None:
    version = catalog.server_version(connection)
    with connection.cursor() as cursor:
        for done, change in enumerate(changes):
            progress(done, len(changes), change)
            text = as_text(statement(change, version))
            try:
                cursor.execute(text)
            except Error as error:
                cause = error.__cause__
                if not isinstance(cause, psycopg.errors.InsufficientPrivilege):
                    raise
                name = _said(cause)
                raise WrongCredentials(
                    f"The owner may not {change}: {name}. Nothing was changed. Let a superuser "
                    f"run, or grant the owner what it lacks:\n  {text};"
                ) from error


def _said(cause: psycopg.Error) -> str:
    """What PostgreSQL says, and its detail, which names the privilege that is missing."""
    parts = (cause.diag.message_primary, cause.diag.message_detail)
    return ". ".join(part.rstrip(".") for part in parts if part)


def _out_of_reach(connection: "BaseDatabaseWrapper", changes: Plan, version: int) -> list[Change]:
    """What somebody granted as whom the owner may not act: REVOKE would fail, or do nothing."""
    granted = {change: grantor for change in changes if (grantor := _grantor(change, version))}
    if not granted:
        return []
    reached = catalog.acts_for(connection, set(granted.values()))
    return [
        change
        for change, grantor in granted.items()
        if grantor not in reached or isinstance(change, RevokePrivileges)
    ]


def _still_needed(connection: "BaseDatabaseWrapper", changes: Plan) -> dict[Change, str]:
    """The roles that PostgreSQL would not drop, each with a warning that says what needs it."""
    drops = {change.role.name: change for change in changes if isinstance(change, DropRole)}
    if not drops:
        return {}
    return {
        drops[name]: (
            f"The role {name!r} stands for nothing, but {', '.join(map(str, needed))} still needs "
            f"it, so it stays. Run there: {advice.give_up(name)}; then sync_pg_roles --prune again."
        )
        for name, needed in catalog.dependencies(connection, drops).items()
    }


def _grantor(change: Change, version: int) -> str:
    if isinstance(change, RevokePrivileges):
        return change.grantor
    if isinstance(change, RemoveMembership) and version >= MEMBERSHIP_OPTIONS:
        return change.membership.grantor
    return ""


def _left_over(change: Change, version: int) -> str:
    return (
        f"{_grantor(change, version)!r} granted what nothing asks for, and only that role can take "
        f"it back. Let it run: {as_text(statement(change, version))};"
    )


def _check_may_make_roles(connection: "BaseDatabaseWrapper", changes: Plan) -> None:
    role = catalog.current_role(connection)
    if role.create_role or role.superuser:
        return
    of_roles = (
        CreateRole,
        DropRole,
        RenameRole,
        MarkRole,
        ResetRole,
        AddMembership,
        RemoveMembership,
    )
    version = catalog.server_version(connection)
    needed = [as_text(statement(one, version)) for one in changes if isinstance(one, of_roles)]
    if needed:
        raise lacks_createrole(role.name, needed)


def _warnings(wanted: Wanted, tables: Survey) -> Iterable[str]:
    names = set(wanted.auth.groups.values())
    for name in sorted(wanted.names.configured.keys() - names):
        yield (
            f"RLS_PERMS['GROUP_ROLES'] lists the group {name!r}, which does not exist. Its role "
            "is made now and adopts the group when it is made; correct the name if it is a slip."
        )
    yield from tables.warnings
