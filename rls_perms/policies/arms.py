"""
Which rows a declaration shows to whom, command by command, and what that asks for.

Pure: it turns the declared policies into arms, each a condition with its gate.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q

from rls_perms.keywords import SHOWING, Command
from rls_perms.policies.declared import ObjectPermissions, Policy
from rls_perms.targets import ANONYMOUS, EVERYONE, Group, Permission, Target


@dataclass(frozen=True, slots=True)
class Arm:
    """
    One way to be allowed a command on a row.

    *gate* names the commands of which one must be permitted at model level; None asks for
    no permission. *granted* stands for guardian's grants of that command.
    """

    name: str
    command: Command
    targets: tuple[Target, ...]
    gate: frozenset[Command] | None
    using: Q | None
    check: Q | None
    granted: bool = False
    #: Whether it is the permission itself: all rows of the tenant.
    of_permission: bool = False


@dataclass(frozen=True, slots=True)
class Arms:
    """All arms of a declaration, and what follows from them."""

    permissive: tuple[Arm, ...]
    restrictive: tuple[Arm, ...]
    targets: tuple[Target, ...]

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

        Else the table privilege tells it: nobody has that without the permission.
        """
        return bool(self.ungated(command))

    @property
    def object_grants(self) -> bool:
        return any(arm.granted for arm in self.permissive)


def arms(policies: Sequence[Policy | ObjectPermissions]) -> Arms:
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
        )
        for policy in declared
        if not policy.permissive
        for command in policy.commands
    ]
    return Arms(tuple(found), tuple(restrictive), _targets([*found, *restrictive]))


def _of_permission(commands: Iterable[Command]) -> Iterator[Arm]:
    for command in commands:
        gate = frozenset(SHOWING) if command is Command.SELECT else frozenset({command})
        yield Arm("permission", command, (EVERYONE,), gate, Q(), Q(), of_permission=True)


def _of_policy(policy: Policy) -> Iterator[Arm]:
    targets = policy.to or (EVERYONE,)
    check = policy.using if policy.check is None else policy.check
    shown = frozenset(policy.commands) & frozenset(SHOWING)
    if shown:
        gate = shown if policy.permission_required else None
        yield Arm(policy.name, Command.SELECT, targets, gate, policy.using, None)
    for command in policy.commands:
        if command is not Command.SELECT:
            gate = frozenset({command}) if policy.permission_required else None
            yield Arm(policy.name, command, targets, gate, policy.using, check)


def _targets(found: Iterable[Arm]) -> tuple[Target, ...]:
    return tuple(dict.fromkeys(target for arm in found for target in arm.targets))


def without_members(targets: Iterable[Target]) -> tuple[Target, ...]:
    """*targets* without those who belong to everyone in any case, if everyone is named."""
    given = tuple(dict.fromkeys(targets))
    if EVERYONE not in given:
        return given
    return tuple(one for one in given if not isinstance(one, (Group, Permission)))
