"""Tell protected, framework and open tables apart, and what each declaration asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from django.db.models import Model

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.desired import Protection, Tables
from rls_perms.exceptions import ConfigurationError
from rls_perms.framework import framework_tables
from rls_perms.identifiers import kept
from rls_perms.keywords import Command
from rls_perms.policies.arms import Arms
from rls_perms.policies.columns import kept_columns
from rls_perms.policies.compile import (
    key_columns,
    permission,
    permissions_asked,
    role_of,
    table_named,
    table_of,
)
from rls_perms.policies.compiled import Compiled, compiled
from rls_perms.policies.constraint import RowSecurity, declaration, protected_ends, role_names
from rls_perms.policies.hidden import refuse_hidden
from rls_perms.policies.protected import protected
from rls_perms.policies.reads import fields_read
from rls_perms.state import Definition
from rls_perms.statements.grant_triggers import function_name
from rls_perms.statements.row_security import Relation, Table
from rls_perms.sync.object_grants import ObjectGrants
from rls_perms.sync.partitions import Partitions
from rls_perms.targets import Group

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, slots=True)
class Survey:
    """The tables of the project's models as they are in one database."""

    tables: Tables
    #: Policies, and views and triggers of grants, as they should be.
    definitions: frozenset[Definition]
    #: Policies as they are.
    made: frozenset[Definition]
    #: Names of views and triggers that are gone once the policies are written anew.
    emptied: frozenset[str]
    warnings: tuple[str, ...]


def survey(connection: "BaseDatabaseWrapper", owner: str) -> Survey:
    """
    Sort the tables of all models into kinds.

    A model whose policies in the database are not those that its declaration asks for is
    closed to everybody but the owner until migrations catch up, with a warning.
    """
    return _Surveyor(connection, owner).survey()


class _Surveyor:
    def __init__(self, connection: "BaseDatabaseWrapper", owner: str) -> None:
        self.connection = connection
        self.owner = owner
        self.names = role_names(catalog.in_force(connection))
        self.models = [
            model
            for model in apps.get_models(include_auto_created=True)
            if not model._meta.proxy and not model._meta.swapped
        ]
        names = [table_of(model).name for model in self.models]
        self.relations = catalog.relations(
            connection, [*names, MigrationRecorder.Migration._meta.db_table]
        )
        self.marks = catalog.declarations(connection)
        #: Tables with row security, whoever declared it: they are never open.
        self.secured = set(self.marks) | catalog.secured(connection)
        self.warnings: list[str] = []
        declared = {
            (relation.table.schema, relation.table.name)
            for model, relation in self._existing()
            if declaration(model) is not None
        }
        self.partitions = Partitions(connection, declared | self.secured, declared)

    def _undeclared(self, model: type[Model], relation: Relation) -> str:
        """What to do about row security that *model* does not declare, or does no more."""
        migrated = not self.marks.get(_key(relation), catalog.Declared()).marks
        advice = (
            'To open it to everybody, see "Open a table again" in docs/migrations.md.'
            if migrated
            else "If the declaration was removed, run makemigrations and migrate."
        )
        return (
            f"The table of {model._meta.label} has row security, which the model does not declare: "
            f"only the owner may use it. Declare it in Meta.constraints. {advice}"
        )

    def survey(self) -> Survey:
        framework = framework_tables()
        grants = ObjectGrants(self.connection, self.owner, self._find)
        protected: list[Protection] = []
        views: set[Definition] = set()
        as_made = frozenset(self._made())
        emptied: set[str] = set()
        policies: set[Definition] = set()
        open_tables: list[Relation] = []
        closed: list[Relation] = []
        of_tenants: list[tuple[Relation, tuple[str, ...]]] = []
        for model, relation in self._existing():
            declared = declaration(model)
            if not relation.mine:
                self.warnings.append(
                    f"The table of {model._meta.label} is not {self.owner!r}'s, so its privileges "
                    "are left as they are. Its owner may grant them to our roles."
                )
            elif declared is not None:
                policies |= set(self.partitions.wanted(_key(relation), model._meta.label))
                if not self._is_in_force(model, relation, declared):
                    closed.append(relation)
                    continue
                made = compiled(model, declared, self.connection, self.owner)
                if made.definition not in as_made and not self._can_be_made(model, declared, made):
                    closed.append(relation)
                else:
                    protected.append(self._protection(model, declared.arms, made, relation))
                    views |= set(grants.definitions(model, declared, made))
                    policies.add(made.definition)
                    if made.definition not in as_made:
                        emptied.update(f"view {name}" for name in made.views)
                        emptied.add(f"triggers {function_name(table_of(model))}")
            elif model._meta.db_table in framework.names:
                continue
            elif _belongs_to_protected(model):
                closed.append(relation)
            elif (table := self.partitions.above(_key(relation))) is not None:
                self.warnings.append(
                    f"The table of {model._meta.label} is a partition of {table!r}, whose policies "
                    "it does not have: only the owner may use it. Query the model of that table."
                )
            elif _key(relation) in self.secured:
                closed.append(relation)
                self.warnings.append(self._undeclared(model, relation))
            elif relation.is_view:
                closed.append(relation)
                self.warnings.append(
                    f"{model._meta.label} is a view, which shows its owner's rows to whoever may "
                    "read it: only the owner may use it. Grant it by hand if that is meant, to a "
                    "role that is not ours."
                )
            elif (keys := _tenants_of(model)) is not None:
                of_tenants.append((relation, keys))
            else:
                open_tables.append(relation)
        closed += self.partitions.closed(self.relations)
        for name, table in self.partitions.foreign(self.relations):
            self.warnings.append(
                f"The table {name!r} is a partition of {table!r} and is not {self.owner!r}'s, so "
                "its privileges are left as they are. Make it the owner's: ALTER TABLE .. OWNER TO."
            )
        framework_relations = tuple(
            found
            for table in sorted(framework.names)
            if (found := self._find(Table.of(table))) is not None and found.mine
        )
        used = (
            *open_tables,
            *(one for one, _ in of_tenants),
            *framework_relations,
            *(one.relation for one in protected),
        )
        return Survey(
            Tables(
                protected=tuple(protected),
                readable=tuple(
                    (found, tuple(sorted(columns)))
                    for table, columns in sorted(framework.readable.items())
                    if (found := self._find(Table.of(table))) is not None and found.mine
                ),
                framework=framework_relations,
                open=tuple(open_tables),
                closed=tuple(closed),
                login_reads=tuple(
                    relation
                    for relation in [self._find(Table(MigrationRecorder.Migration._meta.db_table))]
                    if relation is not None
                ),
                sequences=catalog.serial_sequences(self.connection),
                schemas=catalog.closed_schemas(self.connection, {one.table.schema for one in used}),
                of_tenants=tuple(of_tenants),
            ),
            frozenset(views | policies),
            as_made,
            frozenset(emptied),
            tuple(self.warnings),
        )

    def _made(self) -> Iterator[Definition]:
        """What the policies of each declared model were made of, if they are still so."""
        for model, relation in self._existing():
            found = self.marks.get(_key(relation))
            if found is not None and found.made_of is not None:
                yield Definition(f"policies of {model._meta.label}", found.made_of)
            yield from self.partitions.made(_key(relation), model._meta.label)

    def _existing(self) -> Iterator[tuple[type[Model], Relation]]:
        for model in self.models:
            relation = self._find(table_of(model))
            if relation is not None:
                yield model, relation

    def _find(self, table: Table) -> Relation | None:
        if table.schema:
            return self.relations.get((table.schema, table.name))
        found = [
            relation
            for (_, name), relation in self.relations.items()
            if name == table.name and relation.visible
        ]
        return found[0] if found else None

    def _is_in_force(self, model: type[Model], relation: Relation, declared: RowSecurity) -> bool:
        found = self.marks.get(_key(relation), catalog.Declared())
        if relation.is_view:
            self.warnings.append(
                f"{model._meta.label} declares RowSecurity, but is a view, which cannot have it: "
                "only the owner may use it. Declare it on the tables that the view reads."
            )
            return False
        if found.rogue:
            self.warnings.append(
                f"The table of {model._meta.label} has policies that its RowSecurity does not "
                f"declare: {', '.join(sorted(found.rogue))}. Only the owner may use it. Declare "
                "them, or drop them."
            )
            return False
        named = kept_columns(model, declared.columns)
        missing = {kept(column) for columns in named.values() for column in columns}
        missing -= set(relation.columns)
        if missing:
            # Under its old name such a column would be everybody's to read.
            self.warnings.append(
                f"ColumnPermissions of {model._meta.label} name columns that its table does not "
                f"have: {', '.join(sorted(missing))}. Only the owner may use it. Run migrate."
            )
            return False
        # No migration is made for an unmanaged model, nor for the table of a many-to-many
        # field, so it is sync that writes their policies.
        by_sync = not model._meta.managed or model._meta.auto_created
        if found.marks == {declared.mark} or by_sync:
            return True
        advice = (
            "Run makemigrations and migrate."
            if protected(model) is None
            else "Write a migration with AddRowSecurity (and RemoveRowSecurity, if it changed), "
            "and run migrate."
        )
        self.warnings.append(
            f"The policies of {model._meta.label} in the database are not those of its "
            f"RowSecurity: only the owner may use its table. {advice}"
        )
        return False

    def _can_be_made(self, model: type[Model], declared: RowSecurity, made: Compiled) -> bool:
        """Whether all that the policies read is there, by the names that the models have now."""
        table = model._meta.db_table
        wanted: set[tuple[str, str | None]] = {(table, one) for one in key_columns(model)}
        for other, (columns, _) in made.reads.items():
            wanted |= {(other, None), *((other, column) for column in columns)}
        key = (model._meta.app_label, str(model._meta.model_name))
        for app_label, name, field in fields_read(declared, key, self.project_state):
            known = apps.get_model(app_label, name)
            if not known._meta.proxy and not known._meta.swapped:
                column: str | None = getattr(known._meta.get_field(field), "column", None)
                wanted.add((known._meta.db_table, column))
        missing = sorted(
            name if column is None else f"{name}.{column}"
            for name, column in wanted
            if (found := self._find(table_named(name))) is None
            or (column is not None and kept(column) not in found.columns)
        )
        if missing:
            self.warnings.append(
                f"The policies of {model._meta.label} read {', '.join(missing)}, which the "
                "database does not have: only the owner may use its table. Run migrate."
            )
        return not missing

    @cached_property
    def project_state(self) -> ProjectState:
        """The models as the autodetector sees them."""
        return ProjectState.from_apps(apps)

    def _protection(
        self, model: type[Model], arms: Arms, made: Compiled, relation: Relation
    ) -> Protection:
        reads = []
        for table, (columns, roles) in self._reads(relation, made):
            _refuse_unreadable(model, table.name, columns)
            refuse_hidden(model, {table.name: columns}, self.models)
            names = tuple(sorted(map(kept, columns)))
            reads.append((table, names, tuple(sorted(roles))))
        return Protection(
            relation=relation,
            permissions={permission(model, command): command for command in Command},
            ungated={
                command: tuple(role_of(target, self.names) for target in arms.ungated(command))
                for command in Command
                if arms.ungated(command)
            },
            asked=frozenset(permissions_asked(arms, model)),
            groups=frozenset(one.name for one in arms.named if isinstance(one, Group)),
            views=tuple(sorted(made.views)),
            reads=tuple(reads),
            key_columns=key_columns(model),
            readers=tuple(
                (reader.name, reader.arguments, tuple(sorted(roles)))
                for reader, roles in sorted(made.readers.items(), key=lambda one: one[0].name)
            ),
            columns={
                command: {
                    kept(column): tuple(role_of(target, self.names) for target in targets)
                    for column, targets in columns.items()
                }
                for command, columns in kept_columns(model, arms.columns).items()
            },
        )

    def _reads(
        self, relation: Relation, made: Compiled
    ) -> Iterator[tuple[Table, tuple[set[str], set[str]]]]:
        """The other tables that the policies of one read, with columns and roles."""
        for name, read in sorted(made.reads.items()):
            other = self._find(Table.of(name))
            if other is not None:
                yield other.table, read
        if made.has_raw_sql:
            known = self.policy_reads.get((relation.table.schema, relation.table.name), {})
            for (schema, name), read in sorted(known.items()):
                yield Table(name, schema), read

    @cached_property
    def policy_reads(self) -> Any:
        return catalog.policy_reads(self.connection)


def _tenants_of(model: type[Model]) -> tuple[str, ...] | None:
    """The tenants that have the table of *model*, which is no other's; None if it is open."""
    conf = get_settings()
    if conf.tenant_roles is None:
        return None
    keys = tuple(
        key
        for key, one in conf.tenant_roles.tenants.items()
        if any(label.lower() == model._meta.label_lower for label in one.models)
    )
    return keys or None


def _key(relation: Relation) -> tuple[str, str]:
    """Schema and name of a table."""
    return relation.table.schema, relation.table.name


def _refuse_unreadable(model: type[Model], table: str, columns: set[str]) -> None:
    """A policy must not make columns readable that the framework keeps to itself."""
    framework = framework_tables()
    hidden = columns - framework.readable.get(table, frozenset())
    if table in framework.names and hidden:
        raise ConfigurationError(
            f"A policy of {model._meta.label} reads {sorted(hidden)} of {table!r}, a table of "
            "Django's framework: every user could then read them by SQL. Leave that condition out."
        )


def _belongs_to_protected(model: type[Model]) -> bool:
    """
    Whether *model* is part of a protected one: a many-to-many relation's, or its child.

    Such a table is closed rather than open, as long as it has no declaration of its own.
    """
    protected = (declaration(parent) is not None for parent in model._meta.get_parent_list())
    return any(protected) or bool(protected_ends(model))


def granting_models(
    connection: "BaseDatabaseWrapper", owner: str
) -> Iterator[tuple[type[Model], ObjectGrants]]:
    """The models with object permissions whose tables are there."""
    surveyor = _Surveyor(connection, owner)
    grants = ObjectGrants(connection, owner, surveyor._find)
    for model, _ in surveyor._existing():
        declared = declaration(model)
        if declared is not None and declared.arms.object_grants:
            yield model, grants
