"""Compare two states. Pure: no settings, no clock, no connection."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rls_perms.exceptions import PlanError
from rls_perms.grants import DatabaseObject, Grant, Membership, RoleSetting
from rls_perms.keywords import Attribute, Privilege, RoleKind
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
class DropRole:
    """Drop a role that stands for nothing any more."""

    role: Role

    def __str__(self) -> str:
        return f"drop {self.role}"


@dataclass(frozen=True, slots=True)
class MarkRole:
    """Say anew what a role stands for, as when a listed group is made at last."""

    role: Role

    def __str__(self) -> str:
        return f"mark {self.role.name} as {self.role.mark.kind} {self.role.mark.id or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class ResetRole:
    """Take back attributes that a role of ours never has, as LOGIN."""

    name: str
    attributes: tuple[Attribute, ...]

    def __str__(self) -> str:
        return f"reset {self.name} to {', '.join(self.attributes)}"


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
    """Take privileges back; *grantor* is who gave them, "" for the owner of the object."""

    grantor: str = ""

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


@dataclass(frozen=True, slots=True)
class SetParameter:
    """Have a parameter set along with a role."""

    setting: RoleSetting

    def __str__(self) -> str:
        return f"set {self.setting}"


@dataclass(frozen=True, slots=True)
class ResetParameter:
    """Set a parameter along with a role no longer."""

    setting: RoleSetting

    def __str__(self) -> str:
        return f"reset {self.setting.name} for {self.setting.role}"


Change = (
    RenameRole
    | CreateRole
    | DropRole
    | MarkRole
    | ResetRole
    | AddMembership
    | RemoveMembership
    | GrantPrivileges
    | RevokePrivileges
    | Define
    | Record
    | Forget
    | SetParameter
    | ResetParameter
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


#: The plan of a database that is as it should be.
NOTHING = Plan()


def diff(actual: State, desired: State, *, prune: bool = False) -> Plan:
    """
    Return the plan that turns *actual* into *desired*.

    A role must have its name and exist before it is granted anything, and must be granted
    nothing before it is dropped, hence the order: rename, revoke, create, mark, define,
    grant, record, drop. Roles that nothing asks for lose all that they were granted; they stay
    unless *prune* says to drop them.

    Raises PlanError where a wanted name belongs to a role that is not ours.
    """
    refuse_taken(actual, (role.name for role in desired.roles))
    renames = tuple(_renames(actual, desired))
    actual = _renamed(actual, {rename.old: rename.new for rename in renames})
    revoked = actual.grants - desired.grants
    known = {role.name: role for role in actual.roles}
    wanted = {role.name for role in desired.roles}
    wanted_memberships = {_without_grantor(one) for one in desired.memberships}
    present_memberships = {_without_grantor(one) for one in actual.memberships}
    changes: list[Change] = [
        *renames,
        *(
            RemoveMembership(one)
            for one in sorted(actual.memberships)
            if _without_grantor(one) not in wanted_memberships
        ),
        *(RevokePrivileges(*parts) for parts in _grouped(revoked)),
        *(Forget(entry) for entry in sorted(actual.entries - desired.entries)),
        *(ResetParameter(one) for one in sorted(actual.settings - desired.settings)),
        *(CreateRole(role) for role in sorted(desired.roles) if role.name not in known),
        *(
            MarkRole(role)
            for role in sorted(desired.roles)
            if role.name in known and known[role.name].mark != role.mark
        ),
        *(ResetRole(role.name, role.amiss) for role in sorted(actual.roles) if role.amiss),
        *(Define(one) for one in sorted(desired.definitions - actual.definitions)),
        *(AddMembership(one) for one in sorted(wanted_memberships - present_memberships)),
        *(
            GrantPrivileges(*parts[:4])
            for parts in _grouped(desired.grants - _left(actual.grants, revoked))
        ),
        *(Record(entry) for entry in sorted(desired.entries - actual.entries)),
        *(SetParameter(one) for one in sorted(desired.settings - actual.settings)),
        *(DropRole(role) for role in sorted(actual.roles) if prune and role.name not in wanted),
    ]
    return Plan(tuple(changes))


def refuse_taken(actual: State, names: Iterable[str]) -> None:
    """Raise PlanError if one of *names* belongs to a role that is not this database's."""
    wanted = set(names)
    taken = sorted(wanted & actual.foreign)
    if taken:
        raise PlanError(
            f"The database already has a role {_listed(taken)} that rls_perms did not make: it "
            "lacks our mark, so it is never altered. Choose another RLS_PERMS['ROLE_PREFIX'] or "
            "another name in RLS_PERMS['GROUP_ROLES'], or drop that role if nobody needs it."
        )
    shared = sorted(role for role in actual.elsewhere if role.name in wanted)
    if shared:
        raise PlanError(
            f"The role {_listed(role.name for role in shared)} belongs to the database "
            f"{shared[0].mark.database!r}: two databases of one cluster cannot share roles, since "
            "each would take away what the other grants. Give this one another "
            "RLS_PERMS['ROLE_PREFIX']."
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


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
        # Not entries and settings: these tables hold names as text, which no ALTER ROLE changes.
    )


def _left(grants: frozenset[Grant], revoked: frozenset[Grant]) -> frozenset[Grant]:
    """
    What is left of *grants* after *revoked*.

    REVOKE of a privilege on all of a table takes it from each of its columns too, and
    REVOKE of what is grantable leaves nothing, so such grants have to be made again.
    """
    swept = {
        (one.role, one.object, one.privilege) for one in revoked if not (one.column or one.grantor)
    }
    return frozenset(
        one for one in grants - revoked if (one.role, one.object, one.privilege) not in swept
    )


def _without_grantor(membership: Membership) -> Membership:
    return replace(membership, grantor="")


def _grouped(
    grants: frozenset[Grant],
) -> Iterator[tuple[str, DatabaseObject, tuple[Privilege, ...], tuple[str, ...], str]]:
    """Put together what one statement can say: columns of one privilege, or privileges."""
    whole: defaultdict[tuple[str, DatabaseObject, str], list[Privilege]] = defaultdict(list)
    columns: defaultdict[tuple[str, DatabaseObject, str, Privilege], list[str]]
    columns = defaultdict(list)
    for grant in sorted(grants):
        if grant.column:
            key = grant.role, grant.object, grant.grantor, grant.privilege
            columns[key].append(grant.column)
        else:
            whole[grant.role, grant.object, grant.grantor].append(grant.privilege)
    for (role, target, grantor), privileges in whole.items():
        yield role, target, tuple(privileges), (), grantor
    for (role, target, grantor, privilege), names in columns.items():
        yield role, target, (privilege,), tuple(names), grantor
