"""
Which rows a declaration shows to whom, command by command, and what that asks for.

Pure: it turns the declared policies into arms, each a condition with its gate.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q

from rls_perms.keywords import SHOWING, Command
from rls_perms.policies.declared import ColumnPermissions, ObjectPermissions, Policy
from rls_perms.targets import ANONYMOUS, EVERYONE, Group, Permission, Target

#: The commands whose privilege a declaration may give on columns.
COLUMN_COMMANDS = (Command.SELECT, Command.UPDATE)


@dataclass(frozen=True, slots=True)
class Arm:
    """
    One way to be allowed a command on a row.

    *gate* names the commands of which one must be permitted at model level; None asks for
    no permission. *granted* stands for guardian's grants of that command. *trusted* reads
    other tables as their owner; *shared* shows rows of other tenants too.
    """

    name: str
    command: Command
    targets: tuple[Target, ...]
    gate: frozenset[Command] | None
    using: Q | None
    check: Q | None
    granted: bool = False
    trusted: bool = False
    shared: bool = False
    #: Whether it is the permission itself: all rows of the tenant.
    of_permission: bool = False


@dataclass(frozen=True, slots=True)
class Arms:
    """All arms of a declaration, and what follows from them."""

    permissive: tuple[Arm, ...]
    restrictive: tuple[Arm, ...]
    targets: tuple[Target, ...]
    columns: tuple[ColumnPermissions, ...] = ()
    #: Whether some users hold thousands of grants, so that their form is chosen by statement.
    many_grants: bool = False
    #: Of a table of links: that the asker sees both ends, which binds superusers of a tenant too.
    ends: Arm | None = None

    @property
    def named(self) -> tuple[Target, ...]:
        """All whom the declaration names: those of its policies, and of its columns."""
        columns = (target for one in self.columns for target in one.targets)
        return tuple(dict.fromkeys((*self.targets, *columns)))

    def ungated(self, command: Command) -> tuple[Target, ...]:
        """Who has the table privilege for *command* without the permission."""
        found = [
            target
            for arm in self.permissive
            if arm.command is command and arm.gate is None
            for target in arm.targets
        ]
        return tuple(dict.fromkeys(found))

    def asks_role(self, command: Command) -> bool:
        """
        Whether only a role can tell who is permitted *command*.

        Else the table privilege tells it: nobody has that without the permission, and whoever
        has the permission has it. Where columns are kept for some, nobody has it.
        """
        return bool(self.ungated(command)) or self.keeps_columns(command)

    def keeps_columns(self, command: Command) -> bool:
        """Whether the privilege for *command* is one on columns, since some have keepers."""
        if command not in COLUMN_COMMANDS:
            return False
        return any(getattr(one, command.action) is not None for one in self.columns)

    def shared(self, command: Command) -> tuple[Arm, ...]:
        """The arms of *command* that show rows of other tenants."""
        return tuple(arm for arm in self.permissive if arm.shared and arm.command is command)

    @property
    def object_grants(self) -> bool:
        return any(arm.granted for arm in self.permissive)


def arms(policies: Sequence[Policy | ObjectPermissions | ColumnPermissions]) -> Arms:
    """
    Put the rule "a policy chooses rows, a permission decides the action" into arms.

    Rows that may be changed or deleted are shown by that alone, since PostgreSQL changes
    only what SELECT shows. Without any permissive policy the permission shows all rows.
    """
    declared = [one for one in policies if isinstance(one, Policy)]
    permissive = [one for one in declared if one.permissive]
    object_permissions = [one for one in policies if isinstance(one, ObjectPermissions)]
    found: list[Arm] = []
    if any(one.global_permissions for one in object_permissions) or not (
        permissive or object_permissions
    ):
        found += _of_permission(tuple(Command))
    elif object_permissions:
        found += _of_permission((Command.INSERT,))
    if object_permissions:
        found += [
            Arm("object grants", command, (EVERYONE, ANONYMOUS), None, None, None, granted=True)
            for command in SHOWING
        ]
    for policy in permissive:
        found += _of_policy(policy)
    named = _targets(found)
    restrictive = [
        Arm(
            policy.name,
            command,
            policy.to or tuple(dict.fromkeys((EVERYONE, ANONYMOUS, *named))),
            None,
            policy.using,
            policy.using if policy.check is None else policy.check,
            trusted=policy.trusted,
        )
        for policy in declared
        if not policy.permissive
        for command in policy.commands
    ]
    columns = tuple(one for one in policies if isinstance(one, ColumnPermissions))
    return Arms(
        tuple(found),
        tuple(restrictive),
        _targets([*found, *restrictive]),
        columns,
        many_grants=any(one.many_grants for one in object_permissions),
    )


def _of_permission(commands: Iterable[Command]) -> Iterator[Arm]:
    for command in commands:
        gate = frozenset(SHOWING) if command is Command.SELECT else frozenset({command})
        yield Arm("permission", command, (EVERYONE,), gate, Q(), Q(), of_permission=True)


def _of_policy(policy: Policy) -> Iterator[Arm]:
    targets = policy.to or (EVERYONE,)
    check = policy.using if policy.check is None else policy.check
    how = {"trusted": policy.trusted, "shared": policy.shared}
    shown = frozenset(policy.commands) & frozenset(SHOWING)
    if shown:
        gate = shown if policy.permission_required else None
        yield Arm(policy.name, Command.SELECT, targets, gate, policy.using, None, **how)
    for command in policy.commands:
        if command is not Command.SELECT:
            gate = frozenset({command}) if policy.permission_required else None
            yield Arm(policy.name, command, targets, gate, policy.using, check, **how)


def _targets(found: Iterable[Arm]) -> tuple[Target, ...]:
    return tuple(dict.fromkeys(target for arm in found for target in arm.targets))


def without_members(targets: Iterable[Target]) -> tuple[Target, ...]:
    """*targets* without those who belong to everyone in any case, if everyone is named."""
    given = tuple(dict.fromkeys(targets))
    if EVERYONE not in given:
        return given
    return tuple(one for one in given if not isinstance(one, (Group, Permission)))
