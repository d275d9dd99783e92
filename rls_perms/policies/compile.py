"""Turn a declaration into the policies that PostgreSQL takes, for one table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import Model, Q

from rls_perms.conditions import Condition, parse
from rls_perms.exceptions import ConfigurationError
from rls_perms.identifiers import kept, shortened
from rls_perms.keywords import FIXED_ROLES, SHOWING, Command, RoleKind
from rls_perms.policies.arms import Arm, Arms, without_members
from rls_perms.policies.reach import Asked, Reach
from rls_perms.roles import Mark, RoleNames
from rls_perms.statements import row_security as text
from rls_perms.statements.changes import PUBLIC
from rls_perms.statements.conditions import TRUE, Reader, Text
from rls_perms.statements.grant_forms import Granted, form_reader, is_granted, keys_reader
from rls_perms.statements.grant_views import GENERIC_KINDS, Branch, view_name
from rls_perms.statements.row_security import KeyColumn, PolicySpec, Seal, Table
from rls_perms.targets import EVERYONE, Fixed, Group, Permission, Role, Target

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

BRANCHES: tuple[Branch, ...] = ("user", "group")
#: What Django and the driver raise for a value that a field, or PostgreSQL, does not take.
REFUSED = (ValidationError, ValueError, TypeError, ArithmeticError, psycopg.DataError, DataError)


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
    """The roles of ours that the declaration names, with what each stands for."""
    found = {names.fixed(kind): names.mark(kind) for kind in FIXED_ROLES}
    for target in arms.named:
        if isinstance(target, Group):
            found[names.group(target.name)] = names.mark(RoleKind.GROUP, None, target.name)
    for name in sorted(permissions_asked(arms, model)):
        found[names.permission(name)] = names.mark(RoleKind.PERMISSION, name)
    return found


def permissions_asked(arms: Arms, model: type[Model]) -> set[str]:
    """The permissions of which a policy, or a column, must tell who holds them."""
    asked = {target.name for target in arms.named if isinstance(target, Permission)}
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
    #: Whether the context has to be proved.
    signed: bool = False

    @property
    def table(self) -> Table:
        return table_of(self.model)

    @property
    def key(self) -> tuple[KeyColumn, ...]:
        """The columns of the primary key, each with the setting that holds it of a new row."""
        setting = text.new_row_setting(self.guc_prefix, self.table)
        fields = self.model._meta.pk_fields
        if len(fields) == 1:
            return (_key_column(fields[0], setting, self.connection),)
        return tuple(
            _key_column(field, f"{setting}_{position}", self.connection)
            for position, field in enumerate(fields, 1)
        )

    @property
    def seal(self) -> Seal | None:
        """What seals a row that is being inserted; None where contexts are not signed."""
        if not self.signed:
            return None
        generated = (one for one in self.model._meta.concrete_fields if one.generated)
        return Seal(
            f"{text.new_row_setting(self.guc_prefix, self.table)}_seal",
            tuple(kept(str(one.column)) for one in generated),
        )

    def specs(self) -> tuple[PolicySpec, ...]:
        """All policies of the table, each with a name of its own."""
        found = [
            *self._proven(),
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

    @property
    def reach(self) -> Reach:
        return Reach(self.model, self.tenant, self.arms)

    def reads(self) -> dict[str, tuple[set[str], set[str]]]:
        """The other tables that policies read: name -> columns, roles that read them."""
        found: dict[str, tuple[set[str], set[str]]] = {}
        for asked, read in self.reach.reads():
            for table, columns in read.items():
                known_columns, known_roles = found.setdefault(table, (set(), set()))
                known_columns |= columns
                known_roles |= set(self._asking(asked))
        return found

    def readers(self) -> dict[Reader, set[str]]:
        """The functions that policies call to read other tables, each with who calls it."""
        found: dict[Reader, set[str]] = {}
        for asked in self.reach.asked():
            text = self._text()
            self._write(text, asked.condition, asked.source, trusted=asked.trusted)
            for reader in text.readers.values():
                found.setdefault(reader, set()).update(self._asking(asked))
        for reader in self._grant_readers():
            targets = [arm.targets for arm in self.arms.permissive if arm.granted]
            found[reader] = {role_of(one, self.names) for some in targets for one in some}
        return found

    def _grant_readers(self) -> Iterator[Reader]:
        if not self.arms.object_grants:
            return
        kind = key_kind(self.model, self.connection)
        for command in SHOWING:
            views = (view_name(self.table, command, branch) for branch in BRANCHES)
            yield keys_reader(self.table, command, kind, views)
        if self.arms.many_grants:
            yield form_reader(self.table, SHOWING)

    def _asking(self, asked: Asked) -> list[str]:
        if asked.targets is None:
            return [*self._bound(), self.names.fixed(RoleKind.SUPERUSER)]
        return [role_of(target, self.names) for target in asked.targets]

    def _text(self) -> Text:
        return Text(self.model, self.table, self.connection)

    # Each kind of policy

    def _fixed(self) -> Iterator[PolicySpec]:
        system = (self.owner, self.names.fixed(RoleKind.SYSTEM))
        superuser = (self.names.fixed(RoleKind.SUPERUSER),)
        ends = self.arms.ends
        for command in Command:
            using, check = self._floor_conditions(command)
            if ends is not None:
                check = text.conjunction(check, self._sql(ends.using, ends))
            yield self._spec("system", command, system, TRUE, TRUE)
            yield self._spec("superuser", command, superuser, using, check)

    def _proven(self) -> Iterator[PolicySpec]:
        if not self.signed:
            return
        # Whatever role it is, one that no declaration names too.
        condition = text.proven(self.owner)
        for command in Command:
            yield self._spec("signed", command, (PUBLIC,), condition, condition, permissive=False)

    def _floor(self) -> Iterator[PolicySpec]:
        if self.tenant is None:
            return
        roles = (*self._bound(), self.names.fixed(RoleKind.SUPERUSER))
        for command in Command:
            using, check = self._floor_conditions(command)
            yield self._spec("floor", command, roles, using, check, permissive=False)

    def _told(self, gate: frozenset[Command]) -> tuple[list[Command], list[Command]]:
        """The commands of *gate* whose permission a role tells, and a table privilege."""
        by_role = sorted(one for one in gate if self.arms.asks_role(one))
        return by_role, [one for one in Command if one in gate and one not in by_role]

    def permitted(self, command: Command) -> str | None:
        """
        Which rows the asker has for *command* by permission, all of the tenant's, for a view.

        None if no permission is enough.
        """
        for arm in self.arms.permissive:
            if arm.of_permission and arm.command is command and arm.gate is not None:
                by_role, by_privilege = self._told(arm.gate)
                gates = [
                    self._belongs_to(self.names.permission(permission(self.model, one)))
                    for one in by_role
                ]
                if by_privilege:
                    gates.append(self._holds_privilege(by_privilege))
                return text.conjunction(text.disjunction(*gates), self._term())
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
            gate = self._holds_privilege(told_by_privilege)
            yield self._spec(arm.name, arm.command, self._roles(targets), using, check, gate=gate)
        if not told_by_role:
            return
        holders = [self.names.permission(permission(self.model, one)) for one in told_by_role]
        if EVERYONE in targets:
            yield self._spec(f"{arm.name} of holders", arm.command, holders, using, check)
        others = [target for target in targets if target != EVERYONE]
        if others:
            gate = text.disjunction(*(self._belongs_to(holder) for holder in holders))
            yield self._spec(
                f"{arm.name} of others", arm.command, self._roles(others), using, check, gate=gate
            )

    def _restrictive(self, arm: Arm) -> PolicySpec:
        using, check = (self._sql(one, arm) for one in (arm.using, arm.check))
        return self._spec(
            arm.name, arm.command, self._roles(arm.targets), using, check, permissive=False
        )

    def _new_row(self) -> PolicySpec:
        # Within what may be inserted: rows that are shared with other tenants, too.
        _, insertable = self._floor_conditions(Command.INSERT)
        condition = text.conjunction(
            insertable,
            text.is_inserting(self.key, self.seal),
            text.is_new_row(self.key, self.table, self.seal),
        )
        return self._spec("new row", Command.SELECT, self._bound(), condition, None)

    # Conditions

    def _belongs_to(self, role: str) -> str:
        return text.belongs_to(role, signed=self.signed)

    def _holds_privilege(self, commands: Iterable[Command]) -> str:
        return text.holds_privilege(self.table, commands, signed=self.signed)

    def _term(self) -> str:
        """What every row of the asker's tenant fulfils."""
        return self._text().of(self.reach.tenant_condition(), self.reach.as_owner(False))

    def _floor_conditions(self, command: Command) -> tuple[str, str]:
        """USING and WITH CHECK: the tenant's rows, and those that a policy says are shared."""
        using, check = [self._term()], [self._term()]
        for arm in self.arms.shared(command):
            whom = without_members(arm.targets)
            for clauses, condition in ((using, arm.using), (check, arm.check)):
                if condition is not None:
                    said = [self._sql(condition, arm)]
                    if EVERYONE not in whom:
                        roles = map(self._belongs_to, self._roles(whom))
                        said.append(text.disjunction(*roles))
                    clauses.append(text.conjunction(*said))
        return text.disjunction(*using), text.disjunction(*check)

    def _conditions(self, arm: Arm) -> tuple[str, str]:
        term = TRUE if arm.shared else self._term()
        if arm.granted:
            both = text.conjunction(term, is_granted(self._granted(arm.command)))
            return both, both
        using, check = (
            text.conjunction(term, self._sql(one, arm)) for one in (arm.using, arm.check)
        )
        return using, check

    def _granted(self, command: Command) -> Granted:
        (key,) = self.key
        kind = key_kind(self.model, self.connection)
        return Granted(
            table=self.table,
            key=key.name,
            command=command,
            many=self.arms.many_grants,
            exactly=bool(getattr(self.model._meta.pk, "db_collation", None)),
            # A foreign key is looked up by its own type alone.
            by_index=key.type == kind or key.type == "text",
            is_text=kind == "text",
        )

    def _sql(self, condition: Q | None, arm: Arm) -> str:
        if condition is None:
            return TRUE
        parsed = parse(condition, self.model)
        return self._write(self._text(), parsed, condition, trusted=arm.trusted)

    def _write(self, text: Text, condition: Condition, source: Q, *, trusted: bool) -> str:
        try:
            return text.of(condition, self.reach.as_owner(trusted))
        except REFUSED as error:
            raise ConfigurationError(
                f"A policy of {self.model._meta.label} has a value that cannot be written: "
                f"{_said(error)}. Correct {source!r} and run makemigrations."
            ) from error

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


def _said(error: Exception) -> str:
    """What *error* says, without a list around it."""
    messages = error.messages if isinstance(error, ValidationError) else [str(error)]
    return " ".join(str(one) for one in messages).rstrip(".")


def table_of(model: type[Model]) -> Table:
    """The table of *model*."""
    return table_named(model._meta.db_table)


def table_named(db_table: str) -> Table:
    """The table of that ``db_table``, which may say a schema, as in ``audit"."entry``."""
    return Table.of(db_table)


def key_columns(model: type[Model]) -> tuple[str, ...]:
    """The columns of the primary key of *model*, in order."""
    return tuple(kept(str(field.column)) for field in model._meta.pk_fields)


def _key_column(field: Any, setting: str, connection: "BaseDatabaseWrapper") -> KeyColumn:
    return KeyColumn(kept(str(field.column)), key_type(field, connection), setting)


def key_type(field: Any, connection: "BaseDatabaseWrapper") -> str:
    """The SQL type of a column of a key, without a length that would cut a value."""
    declared = str(field.rel_db_type(connection)).partition("(")[0]
    return "text" if declared in ("varchar", "char", "text") else declared


def refuse_composite_key(model: type[Model]) -> None:
    """Raise ConfigurationError if guardian cannot name a row of *model* by one key."""
    if len(model._meta.pk_fields) > 1:
        columns = ", ".join(field.name for field in model._meta.pk_fields)
        raise ConfigurationError(
            f"ObjectPermissions() on {model._meta.label} needs a key of one column, since guardian "
            f"keeps one text for each object, but its primary key has several: {columns}. Leave "
            "ObjectPermissions() out, or give the model a key of one column."
        )


def key_kind(model: type[Model], connection: "BaseDatabaseWrapper") -> str:
    """The type of the keys in the views of grants on *model*. Raises ConfigurationError."""
    refuse_composite_key(model)
    declared = key_type(model._meta.pk, connection)
    return GENERIC_KINDS.get(declared, declared)
