"""Tell protected, framework and open tables apart, and what each declaration asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.apps import apps
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from rls_perms import catalog
from rls_perms.desired import Protection, Tables
from rls_perms.exceptions import ConfigurationError
from rls_perms.framework import framework_tables
from rls_perms.keywords import Command
from rls_perms.policies.arms import Arms
from rls_perms.policies.compile import permission, permissions_asked, role_of, table_of
from rls_perms.policies.compiled import Compiled, compiled
from rls_perms.policies.constraint import RowSecurity, declaration, role_names
from rls_perms.state import Definition
from rls_perms.statements.grant_triggers import function_name
from rls_perms.statements.row_security import Relation, Table
from rls_perms.sync.object_grants import ObjectGrants
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
        for model, relation in self._existing():
            declared = declaration(model)
            if not relation.mine:
                self.warnings.append(
                    f"The table of {model._meta.label} is not {self.owner!r}'s, so its privileges "
                    "are left as they are. Its owner may grant them to our roles."
                )
            elif declared is not None:
                if not self._is_in_force(model, relation, declared):
                    closed.append(relation)
                else:
                    made = compiled(model, declared, self.connection, self.owner)
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
            elif (relation.table.schema, relation.table.name) in self.secured:
                closed.append(relation)
                self.warnings.append(
                    f"The table of {model._meta.label} has row security, which the model does not "
                    "declare: only the owner may use it. Declare it in Meta.constraints, or run "
                    "migrate if the declaration was removed."
                )
            elif relation.is_view:
                closed.append(relation)
                self.warnings.append(
                    f"{model._meta.label} is a view, which shows its owner's rows to whoever may "
                    "read it: only the owner may use it. Grant it by hand if that is meant, to a "
                    "role that is not ours."
                )
            else:
                open_tables.append(relation)
        framework_relations = tuple(
            found
            for table in sorted(framework.names)
            if (found := self._find(Table(table))) is not None and found.mine
        )
        used = (*open_tables, *framework_relations, *(one.relation for one in protected))
        return Survey(
            Tables(
                protected=tuple(protected),
                readable=tuple(
                    (found, tuple(sorted(columns)))
                    for table, columns in sorted(framework.readable.items())
                    if (found := self._find(Table(table))) is not None and found.mine
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
            ),
            frozenset(views | policies),
            as_made,
            frozenset(emptied),
            tuple(self.warnings),
        )

    def _made(self) -> Iterator[Definition]:
        """What the policies of each declared model were made of, if they are still so."""
        for model, relation in self._existing():
            found = self.marks.get((relation.table.schema, relation.table.name))
            if found is not None and found.made_of is not None:
                yield Definition(f"policies of {model._meta.label}", found.made_of)

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
        found = self.marks.get((relation.table.schema, relation.table.name), catalog.Declared())
        if found.rogue:
            self.warnings.append(
                f"The table of {model._meta.label} has policies that its RowSecurity does not "
                f"declare: {', '.join(sorted(found.rogue))}. Only the owner may use it. Declare "
                "them, or drop them."
            )
            return False
        if found.marks == {declared.mark}:
            return True
        self.warnings.append(
            f"The policies of {model._meta.label} in the database are not those of its "
            "RowSecurity: only the owner may use its table. Run makemigrations and migrate."
        )
        return False

    def _protection(
        self, model: type[Model], arms: Arms, made: Compiled, relation: Relation
    ) -> Protection:
        reads = []
        for table, (columns, roles) in sorted(made.reads.items()):
            _refuse_unreadable(model, table, columns)
            other = self._find(Table(table))
            if other is not None:
                reads.append((other.table, tuple(sorted(columns)), tuple(sorted(roles))))
        return Protection(
            relation=relation,
            permissions={permission(model, command): command for command in Command},
            ungated={
                command: tuple(role_of(target, self.names) for target in arms.ungated(command))
                for command in Command
                if arms.ungated(command)
            },
            asked=frozenset(permissions_asked(arms, model)),
            groups=frozenset(one.name for one in arms.targets if isinstance(one, Group)),
            views=tuple(sorted(made.views)),
            reads=tuple(reads),
            key_column=str(model._meta.pk.column),
        )


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
    Whether *model* is part of a protected one: its many-to-many table, or its child.

    Such a table is closed rather than open, as long as it has no declaration of its own.
    """
    if model._meta.auto_created:
        ends = [
            one.remote_field.model
            for one in model._meta.concrete_fields
            if one.remote_field is not None
        ]
        return any(declaration(end) is not None for end in ends)
    return any(declaration(parent) is not None for parent in model._meta.get_parent_list())


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
