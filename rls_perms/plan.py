"""Compare two states. Pure: no settings, no clock, no connection."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rls_perms.exceptions import PlanError
from rls_perms.grants import DatabaseObject, Grant, Membership
from rls_perms.keywords import Privilege, RoleKind
from rls_perms.roles import Role
from rls_perms.state import Definition, Entry, State


@dataclass(frozen=True, slots=True)
class RenameRole:
    """A generated role follows the name of its group."""

    old: str
    new: str

    def __str__(self) -> str:
        return f"rename role {self.old} to {self.new}"


@dataclass(frozen=True, slots=True)
class CreateRole:
    """Make a role that stands for something new."""

    role: Role

    def __str__(self) -> str:
        return f"create {self.role}"


@dataclass(frozen=True, slots=True)
class MarkRole:
    """Say anew what a role stands for, as when a listed group is made at last."""

    role: Role

    def __str__(self) -> str:
        return f"mark {self.role.name} as {self.role.mark.kind} {self.role.mark.id or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class AddMembership:
    """Let one role belong to another."""

    membership: Membership

    def __str__(self) -> str:
        return f"add {self.membership}"


@dataclass(frozen=True, slots=True)
class RemoveMembership:
    """End a membership that nothing asks for."""

    membership: Membership

    def __str__(self) -> str:
        return f"remove {self.membership}"


@dataclass(frozen=True, slots=True)
class _Privileges:
    """Privileges of one role on one object, on all of it or on *columns*."""

    role: str
    object: DatabaseObject
    privileges: tuple[Privilege, ...]
    columns: tuple[str, ...] = ()

    def _words(self) -> str:
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        return f"{', '.join(self.privileges)}{columns} on {self.object}"


@dataclass(frozen=True, slots=True)
class GrantPrivileges(_Privileges):
    """Give privileges."""

    def __str__(self) -> str:
        return f"grant {self._words()} to {self.role}"


@dataclass(frozen=True, slots=True)
class RevokePrivileges(_Privileges):
    """Take privileges back."""

    def __str__(self) -> str:
        return f"revoke {self._words()} from {self.role}"


@dataclass(frozen=True, slots=True)
class Define:
    """Write functions or a view anew."""

    definition: Definition

    def __str__(self) -> str:
        return f"define {self.definition}"


@dataclass(frozen=True, slots=True)
class Record:
    """Write down which role stands for a group, a permission or a combination of them."""

    entry: Entry

    def __str__(self) -> str:
        return f"record {self.entry}"


@dataclass(frozen=True, slots=True)
class Forget:
    """Strike out what no longer holds."""

    entry: Entry

    def __str__(self) -> str:
        return f"forget {self.entry}"


Change = (
    RenameRole
    | CreateRole
    | MarkRole
    | AddMembership
    | RemoveMembership
    | GrantPrivileges
    | RevokePrivileges
    | Define
    | Record
    | Forget
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What turns one state into another, in the order in which it has to happen."""

    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)


def diff(actual: State, desired: State) -> Plan:
    """
    Return the plan that turns *actual* into *desired*.

    A role must have its name and exist before it is granted anything, hence the order:
    rename, revoke, create, mark, define, grant, record. Roles that nothing asks for lose all
    that they were granted and stay; only ``--prune`` drops them.

    Raises PlanError where a wanted name belongs to a role that is not ours.
    """
    _refuse_foreign(actual, desired)
    renames = tuple(_renames(actual, desired))
    actual = _renamed(actual, {rename.old: rename.new for rename in renames})
    known = {role.name: role for role in actual.roles}
    wanted_memberships = {_without_grantor(one) for one in desired.memberships}
    present_memberships = {_without_grantor(one) for one in actual.memberships}
    changes: list[Change] = [
        *renames,
        *(
            RemoveMembership(one)
            for one in sorted(actual.memberships)
            if _without_grantor(one) not in wanted_memberships
        ),
        *(
            RevokePrivileges(*parts)
            for parts in _grouped(actual.grants - desired.grants)
        ),
        *(Forget(entry) for entry in sorted(actual.entries - desired.entries)),
        *(CreateRole(role) for role in sorted(desired.roles) if role.name not in known),
        *(
            MarkRole(role)
            for role in sorted(desired.roles)
            if role.name in known and known[role.name].mark != role.mark
        ),
        *(Define(one) for one in sorted(desired.definitions - actual.definitions)),
        *(AddMembership(one) for one in sorted(wanted_memberships - present_memberships)),
        *(
            GrantPrivileges(*parts)
            for parts in _grouped(desired.grants - actual.grants)
        ),
        *(Record(entry) for entry in sorted(desired.entries - actual.entries)),
    ]
    return Plan(tuple(changes))


def _refuse_foreign(actual: State, desired: State) -> None:
    taken = sorted({role.name for role in desired.roles} & actual.foreign)
    if taken:
        names = ", ".join(repr(name) for name in taken)
        raise PlanError(
            f"The database already has a role {names} that rls_perms did not make: it lacks "
            "our mark, so it is never altered. Choose another RLS_PERMS['ROLE_PREFIX'] or "
            "another name in RLS_PERMS['GROUP_ROLES'], or drop that role if nobody needs it."
        )


def _renames(actual: State, desired: State) -> Iterator[RenameRole]:
    present = {role.mark.identity: role.name for role in actual.roles}
    names = {role.name for role in actual.roles}
    for role in sorted(desired.roles):
        if role.mark.kind is not RoleKind.GROUP or role.mark.id is None:
            continue
        old = present.get(role.mark.identity)
        if old is not None and old != role.name and role.name not in names:
            yield RenameRole(old, role.name)


def _renamed(state: State, names: dict[str, str]) -> State:
    """*state* as it is once the roles in *names* are renamed."""
    if not names:
        return state

    def new(name: str) -> str:
        return names.get(name, name)

    return replace(
        state,
        roles=frozenset(replace(role, name=new(role.name)) for role in state.roles),
        memberships=frozenset(
            replace(one, role=new(one.role), member=new(one.member)) for one in state.memberships
        ),
        grants=frozenset(replace(one, role=new(one.role)) for one in state.grants),
        entries=frozenset(replace(one, role=new(one.role)) for one in state.entries),
    )


def _without_grantor(membership: Membership) -> Membership:
    return replace(membership, grantor="")


def _grouped(
    grants: frozenset[Grant],
) -> Iterator[tuple[str, DatabaseObject, tuple[Privilege, ...], tuple[str, ...]]]:
    """Put together what one statement can say: columns of one privilege, or privileges."""
    whole: defaultdict[tuple[str, DatabaseObject], list[Privilege]] = defaultdict(list)
    columns: defaultdict[tuple[str, DatabaseObject, Privilege], list[str]] = defaultdict(list)
    for grant in sorted(grants):
        if grant.column:
            columns[grant.role, grant.object, grant.privilege].append(grant.column)
        else:
            whole[grant.role, grant.object].append(grant.privilege)
    for (role, target), privileges in whole.items():
        yield role, target, tuple(privileges), ()
    for (role, target, privilege), names in columns.items():
        yield role, target, (privilege,), tuple(names)
