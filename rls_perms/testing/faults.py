"""
Faults that a test of permissions has to notice, read from the catalog of a database.

Each policy dropped, widened and narrowed; each membership and privilege taken away, and those
given that nobody has. ``rls_perms.testing.injector`` puts them in, one at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model

from rls_perms import catalog
from rls_perms.grants import DatabaseObject, Grant, Membership
from rls_perms.identifiers import SCHEMA
from rls_perms.keywords import Command, ObjectKind, Privilege, RoleKind
from rls_perms.plan import AddMembership, GrantPrivileges, RemoveMembership, RevokePrivileges
from rls_perms.policies.compile import table_of
from rls_perms.state import State
from rls_perms.statements import faults as text
from rls_perms.statements.changes import statement
from rls_perms.statements.render import text as as_text
from rls_perms.sync.tables import survey
from rls_perms.testing.askers import as_owner

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, slots=True)
class PolicyAt:
    """A policy as the catalog has it."""

    schema: str
    table: str
    name: str
    command: str
    using: str | None
    check: str | None
    permissive: bool
    roles: Sequence[str]

    @property
    def is_floor(self) -> bool:
        return self.name == f"floor {self.command.lower()}"

    @property
    def is_system(self) -> bool:
        return self.name == f"system {self.command.lower()}"

    @property
    def dropped(self) -> str:
        """The SQL that drops it."""
        return text.drop_policy(self.schema, self.table, self.name)


_COLUMNS = tuple(one.name for one in dataclass_fields(PolicyAt))


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it should be, and the SQL that makes it so."""

    kind: str
    #: Where, in names that do not change from database to database.
    what: str
    sql: str
    #: What it is about.
    about: PolicyAt | Membership | Grant
    #: The text of the clauses that it changes, of a policy.
    clauses: tuple[str, ...] = ()

    @property
    def table(self) -> str | None:
        """The table that it is about; None where it may concern any."""
        match self.about:
            case PolicyAt(table=table):
                return table
            case Grant(object=DatabaseObject(kind=ObjectKind.TABLE, schema=schema, name=name)):
                return name if schema != SCHEMA else None
        return None

    @property
    def roles(self) -> Sequence[str]:
        """Whoever belongs to none of these is not concerned."""
        match self.about:
            case PolicyAt(roles=roles):
                return roles
            case Membership(member=member):
                return (member,)
            case Grant(role=role):
                return (role,)

    def __str__(self) -> str:
        return f"{self.kind} {self.what}"


def faults(using: str = DEFAULT_DB_ALIAS, *, models: Sequence[type[Model]]) -> list[Fault]:
    """Every fault for the tables of *models*, read from the catalog."""
    connection = connections[using]
    with as_owner():
        installed = catalog.in_force(connection)
        short = _Short(installed.prefix)
        return [
            *_of_policies(connection, models),
            *_of_roles(connection, installed, models, short),
        ]


def policies(connection: "BaseDatabaseWrapper", models: Sequence[type[Model]]) -> list[PolicyAt]:
    """The policies on the tables of *models*."""
    with connection.cursor() as cursor:
        cursor.execute(text.POLICIES, [[table_of(model).name for model in models]])
        rows = cursor.fetchall()
    return [PolicyAt(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]


@dataclass(frozen=True, slots=True)
class _Short:
    """Names of roles without what a database adds."""

    prefix: str

    def __call__(self, role: str) -> str:
        return role.removeprefix(f"{self.prefix}_")


def _of_policies(
    connection: "BaseDatabaseWrapper", models: Sequence[type[Model]]
) -> Iterator[Fault]:
    labels = {table_of(model).name: model._meta.label for model in models}
    for one in policies(connection, models):
        what = f"{labels[one.table]}: {one.name}"
        both = tuple(clause for clause in (one.using, one.check) if clause is not None)
        yield Fault("drop", what, one.dropped, one, both)
        for kind, condition in (("widen", True), ("narrow", False)):
            yield Fault(kind, what, _altered(one, condition=condition), one, both)
        if one.using is not None and one.check is not None:
            changed = _altered(one, condition=True, using=False)
            yield Fault("widen WITH CHECK of", what, changed, one, (one.check,))


def _altered(one: PolicyAt, *, condition: bool, using: bool = True) -> str:
    return text.alter_policy(
        one.schema,
        one.table,
        one.name,
        using=using and one.using is not None,
        check=one.check is not None,
        condition=condition,
    )


def _of_roles(
    connection: "BaseDatabaseWrapper",
    installed: catalog.Installation,
    models: Sequence[type[Model]],
    short: _Short,
) -> Iterator[Fault]:
    state = _state(connection, installed)
    version = catalog.server_version(connection)
    roles = {role.name: role.mark.kind for role in state.roles}

    def made(kind: str, change: Any, what: str, about: Membership | Grant) -> Fault:
        return Fault(kind, what, as_text(statement(change, version)), about)

    for one in sorted(state.memberships):
        if one.member in roles and roles[one.member] is not RoleKind.OWNER:
            yield made("end", RemoveMembership(one), _said(one, short), one)
    for one in _missing(state, roles):
        yield made("add", AddMembership(one), _said(one, short), one)
    held = set()
    for grant in sorted(state.grants):
        held.add((grant.role, grant.object.name, grant.privilege))
        if grant.role in roles and roles[grant.role] is not RoleKind.OWNER:
            columns = (grant.column,) if grant.column else ()
            revoked = RevokePrivileges(grant.role, grant.object, (grant.privilege,), columns)
            yield made("revoke", revoked, _given(grant, short), grant)
    for grant in _possible(models, roles):
        if (grant.role, grant.object.name, grant.privilege) not in held:
            given = GrantPrivileges(grant.role, grant.object, (grant.privilege,))
            yield made("grant", given, _given(grant, short), grant)


def _said(one: Membership, short: _Short) -> str:
    return f"{short(one.member)} in {short(one.role)}"


def _given(one: Grant, short: _Short) -> str:
    column = f" ({one.column})" if one.column else ""
    return f"{one.privilege}{column} on {one.object}, {short(one.role)}"


def _possible(models: Sequence[type[Model]], roles: dict[str, RoleKind]) -> Iterator[Grant]:
    """Every privilege that a policy can be for, for those whom policies are for."""
    for model in models:
        table = table_of(model)
        target = DatabaseObject(ObjectKind.TABLE, table.schema, table.name)
        for role, kind in sorted(roles.items()):
            if kind in (RoleKind.EVERYONE, RoleKind.ANONYMOUS, RoleKind.GROUP):
                yield from (Grant(role, target, Privilege(command)) for command in Command)


def _state(connection: "BaseDatabaseWrapper", installed: catalog.Installation) -> State:
    role = catalog.check_credentials(connection)
    tables = survey(connection, role.installed_by or role.name).tables
    return catalog.actual_state(connection, installed, (), tables.managed(), tables.schemas)


#: Whose members somebody else may become by mistake.
JOINED = (RoleKind.GROUP, RoleKind.PERMISSION, RoleKind.SUPERUSER, RoleKind.SYSTEM)
JOINING = (RoleKind.EVERYONE, RoleKind.ANONYMOUS, RoleKind.GROUP, RoleKind.SESSION)


def _missing(state: State, roles: dict[str, RoleKind]) -> Iterator[Membership]:
    """The memberships that there are not, of roles that people have in those that hold rights."""
    above: dict[str, set[str]] = {role: {role} for role in roles}
    for _ in roles:
        for one in state.memberships:
            if one.member in above and one.role in above:
                above[one.member] |= above[one.role]
    for member, kind in sorted(roles.items()):
        for role, other in sorted(roles.items()):
            apart = role not in above[member] and member not in above[role]
            if kind in JOINING and other in JOINED and apart:
                yield Membership(role, member, inherit=True, set_role=False)
