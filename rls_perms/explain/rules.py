"""Say what a declaration allows, rule by rule. Pure: no database."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Model, Q

from rls_perms.explain.words import condition_words, joined
from rls_perms.expressions import CurrentTenant
from rls_perms.identifiers import shortened
from rls_perms.keywords import SHOWING, Command, RoleKind
from rls_perms.policies import RowSecurity
from rls_perms.policies.arms import Arm, Arms, without_members
from rls_perms.policies.compile import permission
from rls_perms.targets import ANONYMOUS, EVERYONE, Fixed, Group, Permission, Role, Target


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a declaration says, and the names that its policies may have."""

    name: str
    sentences: tuple[str, ...]
    policies: frozenset[str]


def rules(declared: RowSecurity, model: type[Model]) -> tuple[Rule, ...]:
    """What is declared, in its order, then what every declaration brings along."""
    return tuple(_Teller(declared, model).rules())


class _Teller:
    def __init__(self, declared: RowSecurity, model: type[Model]) -> None:
        self.model = model
        self.tenant = declared.tenant
        self.arms: Arms = declared.arms
        self.rows = "rows" if declared.tenant is None else "rows of the tenant"

    def rules(self) -> Iterator[Rule]:
        permissive = (*self.arms.permissive,)
        for name in dict.fromkeys(arm.name for arm in permissive):
            own = [arm for arm in permissive if arm.name == name]
            yield _rule(name, self._permissive(own))
        for name in dict.fromkeys(arm.name for arm in self.arms.restrictive):
            own = [arm for arm in self.arms.restrictive if arm.name == name]
            yield _rule(name, self._restrictive(own))
        if self.tenant is not None:
            where = condition_words(Q(**{self.tenant: CurrentTenant()}), self.model)
            bound = without_members((EVERYONE, ANONYMOUS, *self.arms.targets))
            superuser = Fixed(RoleKind.SUPERUSER)
            yield _rule(
                "floor",
                [
                    f"Whatever else allows it, {_who((*bound, superuser))} may see and write only "
                    f"rows where {where}; without a tenant in the context there are none."
                ],
            )
        yield _rule(
            "superuser",
            [
                f"{_sentence(_who((Fixed(RoleKind.SUPERUSER),)))} may do everything with all "
                f"{self.rows}."
            ],
        )
        yield _rule(
            "system",
            ["The owner of the table and the system may do everything with all rows."],
        )
        yield _rule("new row", ["Whoever inserts a row sees it in the statement that inserts it."])

    def _permissive(self, arms: Iterable[Arm]) -> Iterator[str]:
        """One sentence for commands that are allowed alike."""
        alike: dict[tuple[str, str, str], list[Command]] = {}
        for arm in arms:
            who = self._holders(arm)
            becomes = self._becomes(arm)
            alike.setdefault((who, self._which(arm), becomes), []).append(arm.command)
        for (who, which, becomes), commands in alike.items():
            if commands == [Command.INSERT] and which == self._rows_where(None):
                which = self.rows
            yield f"{_sentence(who)} may {joined(commands)} {which}{becomes}."

    def _restrictive(self, arms: Iterable[Arm]) -> Iterator[str]:
        alike: dict[tuple[str, str, str], list[Command]] = {}
        for arm in arms:
            who = _who(without_members(arm.targets))
            which, becomes = self._which(arm), self._becomes(arm)
            alike.setdefault((who, which, becomes), []).append(arm.command)
        everything = self._rows_where(None)
        for (who, which, becomes), commands in alike.items():
            only = which if which == everything else f"only {which}"
            yield f"Whatever else allows it, {who} may {joined(commands)} {only}{becomes}."

    def _holders(self, arm: Arm) -> str:
        targets = without_members(arm.targets)
        who = _who(targets)
        if arm.gate is None:
            return who
        held = [permission(self.model, one) for one in Command if one in arm.gate]
        return f"{who} who {'holds' if targets == (EVERYONE,) else 'hold'} {joined(held, 'or')}"

    def _which(self, arm: Arm) -> str:
        if arm.granted:
            granted = SHOWING if arm.command is Command.SELECT else (arm.command,)
            names = joined((permission(self.model, one) for one in granted), "or")
            return f"{self.rows} on which guardian grants {names} to them or to a group of theirs"
        condition = arm.check if arm.command is Command.INSERT else arm.using
        return self._rows_where(condition)

    def _rows_where(self, condition: Q | None) -> str:
        where = "" if condition is None else condition_words(condition, self.model)
        return f"{self.rows} where {where}" if where else f"all {self.rows}"

    def _becomes(self, arm: Arm) -> str:
        """What a changed row may be, if that is not what it must have been."""
        if arm.granted or arm.command is not Command.UPDATE or arm.check == arm.using:
            return ""
        where = "" if arm.check is None else condition_words(arm.check, self.model)
        if not where:
            return ", and change them as they like"
        return f", and leave them as {self.rows} where {where}"


def _rule(name: str, sentences: Iterable[str]) -> Rule:
    """The policies of a rule are named after it and their command, those of a gate with a word."""
    suffixes = ("", " of holders", " of others")
    names = (f"{name}{suffix} {one.lower()}" for suffix in suffixes for one in Command)
    return Rule(name, tuple(sentences), frozenset(shortened(one) for one in names))


def _who(targets: Iterable[Target]) -> str:
    return joined(target_words(target) for target in targets)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


KINDS = {
    RoleKind.EVERYONE: "everyone",
    RoleKind.ANONYMOUS: "anonymous visitors",
    RoleKind.SUPERUSER: "superusers in a tenant",
    RoleKind.SYSTEM: "the system",
}


def target_words(target: Target) -> str:
    match target:
        case Group():
            return f"members of the group {target.name!r}"
        case Permission():
            return f"holders of {target.name}"
        case Role():
            return f"the role {target.name!r}"
        case Fixed():
            return KINDS.get(target.kind, str(target.kind))
