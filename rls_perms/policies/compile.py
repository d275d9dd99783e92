"""Turn a declaration into the policies that PostgreSQL takes, for one table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q

from rls_perms.conditions import TRUE, condition_sql, tables_read
from rls_perms.exceptions import ConfigurationError
from rls_perms.expressions import CurrentTenant
from rls_perms.identifiers import shortened
from rls_perms.keywords import FIXED_ROLES, SHOWING, Command, RoleKind
from rls_perms.policies.arms import Arm, Arms, without_members
from rls_perms.roles import Mark, RoleNames
from rls_perms.statements import row_security as text
from rls_perms.statements.grant_views import GENERIC_KINDS, Branch, view_name
from rls_perms.statements.row_security import PolicySpec, Table
from rls_perms.targets import EVERYONE, Fixed, Group, Permission, Role, Target

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

BRANCHES: tuple[Branch, ...] = ("user", "group")


def permission(model: type[Model], command: Command) -> str:
    """Django's permission for *command* on *model*, as ``has_perm`` takes it."""
    meta = model._meta
    return f"{meta.app_label}.{command.action}_{meta.model_name}"


def role_of(target: Target, names: RoleNames) -> str:
    match target:
        case Group():
            return names.group(target.name)
        case Permission():
            return names.permission(target.name)
        case Role():
            return target.name
        case Fixed():
            return names.fixed(target.kind)


def roles_named(arms: Arms, model: type[Model], names: RoleNames) -> dict[str, Mark]:
    """The roles of ours that the policies name, with what each stands for."""
    found = {names.fixed(kind): names.mark(kind) for kind in FIXED_ROLES}
    for target in arms.targets:
        if isinstance(target, Group):
            found[names.group(target.name)] = names.mark(RoleKind.GROUP, None, target.name)
    for name in sorted(permissions_asked(arms, model)):
        found[names.permission(name)] = names.mark(RoleKind.PERMISSION, name)
    return found


def permissions_asked(arms: Arms, model: type[Model]) -> set[str]:
    """The permissions of which a policy must tell who holds them."""
    asked = {target.name for target in arms.targets if isinstance(target, Permission)}
    for arm in arms.permissive:
        for command in arm.gate or ():
            if arms.asks_role(command):
                asked.add(permission(model, command))
    return asked


@dataclass(frozen=True, slots=True)
class Compiler:
    """One declaration on one table, ready to be written as policies."""

    model: type[Model]
    tenant: str | None
    arms: Arms
    names: RoleNames
    owner: str
    guc_prefix: str
    connection: "BaseDatabaseWrapper"

    @property
    def table(self) -> Table:
        return table_of(self.model)

    @property
    def key(self) -> Any:
        return self.model._meta.pk

    @property
    def setting(self) -> str:
        return text.new_row_setting(self.guc_prefix, self.table)

    def specs(self) -> tuple[PolicySpec, ...]:
        """All policies of the table, each with a name of its own."""
        found = [
            *self._fixed(),
            *self._floor(),
            *(spec for arm in self.arms.permissive for spec in self._permissive(arm)),
            *(self._restrictive(arm) for arm in self.arms.restrictive),
            self._new_row(),
        ]
        names = [spec.name for spec in found]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ConfigurationError(
                f"{self.model._meta.label} declares more than one policy {double[0]!r}. "
                "Give each Policy a name of its own."
            )
        return tuple(found)

    def views(self) -> dict[str, tuple[Command, Branch]]:
        """The views of guardian's grants that the policies read: name -> command, branch."""
        if not self.arms.object_grants:
            return {}
        return {
            view_name(self.table, command, branch): (command, branch)
            for command in SHOWING
            for branch in BRANCHES
        }

    def reads(self) -> dict[str, tuple[set[str], set[str]]]:
        """The other tables that policies read: name -> columns, roles that read them."""
        found: dict[str, tuple[set[str], set[str]]] = {}
        everywhere = [*self._bound(), self.names.fixed(RoleKind.SUPERUSER)]
        conditions = [(self._tenant_condition(), everywhere)]
        for arm in (*self.arms.permissive, *self.arms.restrictive):
            roles = [role_of(target, self.names) for target in arm.targets]
            conditions += [(one, roles) for one in (arm.using, arm.check) if one is not None]
        for condition, readers in conditions:
            for table, columns in tables_read(condition, self.model).items():
                known_columns, known_roles = found.setdefault(table, (set(), set()))
                known_columns |= columns
                known_roles |= set(readers)
        return found

    # Each kind of policy

    def _fixed(self) -> Iterator[PolicySpec]:
        system = (self.owner, self.names.fixed(RoleKind.SYSTEM))
        superuser = (self.names.fixed(RoleKind.SUPERUSER),)
        for command in Command:
            yield self._spec("system", command, system, TRUE, TRUE)
            yield self._spec("superuser", command, superuser, self._term(), self._term())

    def _floor(self) -> Iterator[PolicySpec]:
        if self.tenant is None:
            return
        roles = (*self._bound(), self.names.fixed(RoleKind.SUPERUSER))
        for command in Command:
            yield self._spec("floor", command, roles, self._term(), self._term(), permissive=False)

    def _told(self, gate: frozenset[Command]) -> tuple[list[Command], list[Command]]:
        """The commands of *gate* whose permission a role tells, and a table privilege."""
        by_role = sorted(one for one in gate if self.arms.asks_role(one))
        return by_role, [one for one in Command if one in gate and one not in by_role]

    def permitted(self, command: Command) -> str | None:
        """
        Whether the asker has all rows for *command* by permission, as SQL for a view.

        None if no permission is enough.
        """
        for arm in self.arms.permissive:
            if arm.of_permission and arm.command is command and arm.gate is not None:
                by_role, by_privilege = self._told(arm.gate)
                gates = [
                    text.belongs_to(self.names.permission(permission(self.model, one)))
                    for one in by_role
                ]
                if by_privilege:
                    gates.append(text.holds_privilege(self.table, by_privilege))
                return text.disjunction(*gates)
        return None

    def _permissive(self, arm: Arm) -> Iterator[PolicySpec]:
        using, check = self._conditions(arm)
        targets = without_members(arm.targets)
        if arm.gate is None:
            roles = self._roles(targets)
            yield self._spec(arm.name, arm.command, roles, using, check)
            return
        told_by_role, told_by_privilege = self._told(arm.gate)
        if told_by_privilege:
            gate = text.holds_privilege(self.table, told_by_privilege)
            yield self._spec(arm.name, arm.command, self._roles(targets), using, check, gate=gate)
        if not told_by_role:
            return
        holders = [self.names.permission(permission(self.model, one)) for one in told_by_role]
        if EVERYONE in targets:
            yield self._spec(f"{arm.name} of holders", arm.command, holders, using, check)
        others = [target for target in targets if target != EVERYONE]
        if others:
            gate = text.disjunction(*(text.belongs_to(holder) for holder in holders))
            yield self._spec(
                f"{arm.name} of others", arm.command, self._roles(others), using, check, gate=gate
            )

    def _restrictive(self, arm: Arm) -> PolicySpec:
        using, check = (
            self._sql(one) if one is not None else TRUE for one in (arm.using, arm.check)
        )
        return self._spec(
            arm.name, arm.command, self._roles(arm.targets), using, check, permissive=False
        )

    def _new_row(self) -> PolicySpec:
        condition = text.conjunction(
            self._term(),
            text.is_new_row(self.key.column, key_type(self.model, self.connection), self.setting),
        )
        return self._spec("new row", Command.SELECT, self._bound(), condition, None)

    # Conditions

    def _tenant_condition(self) -> Q:
        return Q() if self.tenant is None else Q(**{self.tenant: CurrentTenant()})

    def _term(self) -> str:
        """What every row of the asker's tenant fulfils."""
        return self._sql(self._tenant_condition())

    def _conditions(self, arm: Arm) -> tuple[str, str]:
        if arm.granted:
            views = [view_name(self.table, arm.command, branch) for branch in BRANCHES]
            granted = text.granted_by_view(self.key.column, views)
            if getattr(self.key, "db_collation", None):
                # has_perm() compares texts, whatever else the column's collation has equal.
                exactly = text.granted_by_view(self.key.column, views, exactly=True)
                granted = text.conjunction(granted, exactly)
            both = text.conjunction(self._term(), granted)
            return both, both
        using, check = (
            text.conjunction(self._term(), self._sql(one) if one is not None else TRUE)
            for one in (arm.using, arm.check)
        )
        return using, check

    def _sql(self, condition: Q) -> str:
        return condition_sql(condition, self.model, self.connection)

    def _bound(self) -> tuple[str, ...]:
        """Everybody whom a policy lets through, but superuser, system and owner."""
        targets = (EVERYONE, Fixed(RoleKind.ANONYMOUS), *self.arms.targets)
        return self._roles(without_members(targets))

    def _roles(self, targets: Iterable[Target]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(role_of(target, self.names) for target in targets))

    def _spec(
        self,
        name: str,
        command: Command,
        roles: Iterable[str],
        using: str | None,
        check: str | None,
        *,
        permissive: bool = True,
        gate: str = TRUE,
    ) -> PolicySpec:
        """Give each command the clauses that PostgreSQL allows it."""
        return PolicySpec(
            name=shortened(f"{name} {command.lower()}"),
            command=command,
            permissive=permissive,
            roles=tuple(roles),
            using=None
            if command is Command.INSERT or using is None
            else text.conjunction(using, gate),
            check=None
            if command not in (Command.INSERT, Command.UPDATE) or check is None
            else text.conjunction(check, gate),
        )


def table_of(model: type[Model]) -> Table:
    """The table of *model*; its db_table may say a schema, as in ``audit"."entry``."""
    name = model._meta.db_table.strip('"')
    schema, dot, table = name.partition('"."')
    return Table(table, schema) if dot else Table(name)


def key_type(model: type[Model], connection: "BaseDatabaseWrapper") -> str:
    """The SQL type of the primary key, without a length that would cut a value."""
    declared = str(model._meta.pk.rel_db_type(connection)).partition("(")[0]
    return "text" if declared in ("varchar", "char", "text") else declared


def key_kind(model: type[Model], connection: "BaseDatabaseWrapper") -> str:
    """The type of the keys in the views of grants on *model*."""
    declared = key_type(model, connection)
    return GENERIC_KINDS.get(declared, declared)
