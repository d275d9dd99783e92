"""Put what models declare beside what the database holds, table by table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Model

from rls_perms import catalog
from rls_perms.exceptions import PlanError
from rls_perms.explain.roles import RoleMeanings
from rls_perms.explain.rules import Rule, rules
from rls_perms.explain.words import joined
from rls_perms.expressions import field_text, settings_in
from rls_perms.framework import framework_tables
from rls_perms.keywords import Command
from rls_perms.policies import RowSecurity
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import declaration
from rls_perms.statements import reading_back as queries
from rls_perms.statements.row_security import AFTER_TRIGGER, BEFORE_TRIGGER, PolicySpec, Table

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: Of a policy that cannot be compared, since PostgreSQL writes conditions in its own words.
TO_COMPARE = "compare the conditions"


@dataclass(frozen=True, slots=True)
class ShownPolicy:
    """One policy, as it is declared and as the database holds it; one of them may be missing."""

    name: str
    declared: PolicySpec | None
    present: PolicySpec | None
    #: What differs; '' for nothing.
    difference: str


@dataclass(frozen=True, slots=True)
class ShownRule:
    """What a declaration says in one place, with the policies that say it to PostgreSQL."""

    name: str
    sentences: tuple[str, ...]
    policies: tuple[ShownPolicy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTable:
    """A model's row security: what is declared, what is there, and what differs."""

    model: str
    table: str
    #: Whether the model declares row security.
    declared: bool = True
    #: In one line: how the database's policies stand to the declaration.
    summary: str
    rules: tuple[ShownRule, ...] = ()
    #: Tables that policies read, triggers, views: one line each.
    notes: tuple[str, ...] = ()
    #: Role -> what it stands for.
    roles: dict[str, str] = field(default_factory=dict)
    differences: tuple[str, ...] = ()


def show(
    connection: "BaseDatabaseWrapper", models: Iterable[type[Model]]
) -> tuple[ShownTable, ...]:
    """
    The row security of *models*, in their order; changes nothing.

    Raises WrongCredentials for any login but the owner's, and PlanError before migrate.
    """
    asking = catalog.check_credentials(connection)
    installed = catalog.installation(connection)
    if installed is None:
        raise PlanError(
            f"rls_perms is not installed in {asking.database!r} yet. Run migrate with the owner's "
            "credentials first."
        )
    with catalog.as_installed(installed):
        database = _Database(connection, asking.installed_by or asking.name)
        return tuple(database.shown(model) for model in models)


class _Database:
    """What one database holds, read once for all models."""

    def __init__(self, connection: "BaseDatabaseWrapper", owner: str) -> None:
        self.connection = connection
        self.owner = owner
        names = [table_of(model).name for model in apps.get_models(include_auto_created=True)]
        self.relations = catalog.relations(connection, names)
        self.declarations = catalog.declarations(connection)
        self.views = {one.name: one.digest for one in catalog.definitions(connection)}
        self.secured = {
            (schema, name): (enabled, forced)
            for schema, name, enabled, forced in self._rows(queries.ROW_SECURITY)
        }
        self.policies: dict[tuple[str, str], dict[str, PolicySpec]] = {}
        for schema, table, *policy in self._rows(queries.POLICIES):
            spec = _present(*policy)
            self.policies.setdefault((schema, table), {})[spec.name] = spec
        triggers = self._rows(queries.TRIGGERS, {"names": [BEFORE_TRIGGER, AFTER_TRIGGER]})
        self.triggers = set(triggers)
        self.meanings = RoleMeanings(connection, owner)

    def _rows(self, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    def shown(self, model: type[Model]) -> ShownTable:
        declared = declaration(model)
        table = table_of(model)
        key = self._key(table)
        if declared is None:
            return self._undeclared(model, key)
        if key is None:
            return ShownTable(
                model=model._meta.label,
                table=table.name,
                summary="The table is missing. Run migrate.",
                differences=("The table is missing. Run migrate.",),
            )
        return _Comparison(self, model, declared, key).shown()

    def _key(self, table: Table) -> tuple[str, str] | None:
        for (schema, name), relation in sorted(self.relations.items()):
            found = schema == table.schema if table.schema else relation.visible
            if name == table.name and found:
                return schema, name
        return None

    def _undeclared(self, model: type[Model], key: tuple[str, str] | None) -> ShownTable:
        present = self.policies.get(key, {}) if key else {}
        enabled, _ = self.secured.get(key, (False, False)) if key else (False, False)
        differences = [f"Policy {name!r} is not declared." for name in sorted(present)]
        if enabled:
            differences.append("Row security is on, which the model does not declare.")
        return ShownTable(
            model=model._meta.label,
            table=table_of(model).name,
            declared=False,
            summary=f"Declares no row security: {_kind(model, closed=enabled)}.",
            rules=(_others({}, present),) if present else (),
            roles=self.meanings.of(role for spec in present.values() for role in spec.roles),
            differences=tuple(differences),
        )


class _Comparison:
    """One declared model and its table."""

    def __init__(
        self, database: _Database, model: type[Model], declared: RowSecurity, key: tuple[str, str]
    ) -> None:
        self.database = database
        self.model = model
        self.declared = declared
        self.key = key
        self.compiler = declared.compiler(model, database.connection, database.owner)
        self.specs = {spec.name: spec for spec in self.compiler.specs()}
        self.present = database.policies.get(key, {})
        self.found = database.declarations.get(key, catalog.Declared())
        self.changed = self._changed()

    def shown(self) -> ShownTable:
        shown = tuple(self._rules())
        differences = [*self._of_table(), *self._of_policies(shown), *self._missing()]
        roles = {role for spec in self.specs.values() for role in spec.roles}
        roles |= {role for spec in self.present.values() for role in spec.roles}
        return ShownTable(
            model=self.model._meta.label,
            table=self.compiler.table.name,
            summary=self.changed or ("As declared." if not differences else "Not as declared."),
            rules=shown,
            notes=tuple(self._notes()),
            roles=self.database.meanings.of(roles),
            differences=tuple(differences),
        )

    def _changed(self) -> str:
        """
        Why the policies are not those that the declaration makes now; '' if they are.

        By the digests that were kept with them: PostgreSQL tells conditions in its own words.
        """
        if not self.present:
            return "No policy is there, so nobody but a superuser sees a row. Run migrate."
        if not all(self.database.secured.get(self.key, (False, False))):
            return "Row security does not hold for everybody."
        if self.found.marks != {self.declared.mark}:
            return (
                "The policies were made of another declaration. Run makemigrations and migrate; "
                "until then only the owner may use the table."
            )
        if self.found.made_of is None:
            return "The policies were changed since they were made. sync_pg_roles makes them anew."
        if self.found.made_of != self.declared.written(self.compiler).digest:
            return (
                "The policies were made with other settings, or by another version. sync_pg_roles "
                "makes them anew."
            )
        return ""

    def _rules(self) -> Iterator[ShownRule]:
        left = dict(self.specs)
        for rule in rules(self.declared, self.model):
            names = [name for name in left if name in rule.policies]
            yield self._rule(rule, names)
            for name in names:
                del left[name]
        rest = {name: one for name, one in self.present.items() if name not in self.specs}
        if left or rest:
            yield _others({name: self._policy(name) for name in left}, rest)

    def _rule(self, rule: Rule, names: Iterable[str]) -> ShownRule:
        return ShownRule(rule.name, rule.sentences, tuple(self._policy(name) for name in names))

    def _policy(self, name: str) -> ShownPolicy:
        declared, present = self.specs[name], self.present.get(name)
        if present is None:
            return ShownPolicy(name, declared, None, "missing")
        different = [
            word
            for word, one, other in (
                ("command", declared.command, present.command),
                ("kind", declared.permissive, present.permissive),
                ("roles", set(declared.roles), set(present.roles)),
                ("clauses", _clauses(declared), _clauses(present)),
            )
            if one != other
        ]
        if different:
            return ShownPolicy(name, declared, present, f"different {joined(different)}")
        return ShownPolicy(name, declared, present, TO_COMPARE if self.changed else "")

    # Differences and notes

    def _of_table(self) -> Iterator[str]:
        enabled, forced = self.database.secured.get(self.key, (False, False))
        if not enabled:
            yield "Row security is off: no policy holds."
        elif not forced:
            yield "Row security is not forced: it does not hold for the owner of the table."
        if self.changed:
            yield self.changed

    def _of_policies(self, shown: Iterable[ShownRule]) -> Iterator[str]:
        for rule in shown:
            for one in rule.policies:
                if one.difference and one.difference != TO_COMPARE:
                    yield f"Policy {one.name!r} is {_as_sentence(one.difference)}."

    def _missing(self) -> Iterator[str]:
        for name in (BEFORE_TRIGGER, AFTER_TRIGGER):
            if (*self.key, name) not in self.database.triggers:
                yield f"Trigger {name!r} is missing: who makes a row may not see it made."
        for view in sorted(self.compiler.views()):
            state = self.database.views.get(f"view {view}")
            if not state:
                yield (
                    f"View 'rls_perms.{view}' is {'missing' if state is None else 'empty'}: object "
                    "permissions count only after sync_pg_roles."
                )
        named = {role for spec in self.specs.values() for role in spec.roles}
        for role in sorted(self.database.meanings.missing(named)):
            yield f"Role {role!r} is missing. Run sync_pg_roles."

    def _notes(self) -> Iterator[str]:
        for table, (columns, roles) in sorted(self.compiler.reads().items()):
            read = ", ".join(sorted(columns)) or "no column"
            yield f"Policies read {table} ({read}) as {', '.join(sorted(roles))}."
        for setting in sorted(set(settings_in(self.declared)), key=lambda one: one.name):
            text = field_text(setting.output_field)
            yield f"Policies read the setting {setting.name!r} of the context, as {text}."
        yield (
            f"Triggers {BEFORE_TRIGGER} and {AFTER_TRIGGER} remember a new row until its statement "
            "ends."
        )
        for view, (command, branch) in sorted(self.compiler.views().items()):
            whom = "the user" if branch == "user" else "a group of the user's"
            showing = " (or change, or delete)" if command is Command.SELECT else ""
            yield (
                f"View rls_perms.{view} has the rows that guardian grants {whom} to "
                f"{command.action}{showing}."
            )


def _others(known: dict[str, ShownPolicy], present: dict[str, PolicySpec]) -> ShownRule:
    """Policies that belong to no rule, and those that nobody declared."""
    found = [ShownPolicy(name, None, one, "not declared") for name, one in sorted(present.items())]
    return ShownRule("other policies", (), (*known.values(), *found))


def _as_sentence(difference: str) -> str:
    if not difference.startswith("different "):
        return difference
    return f"different from what is declared ({difference.removeprefix('different ')})"


def _clauses(spec: PolicySpec) -> tuple[bool, bool]:
    return spec.using is None, spec.check is None


def _present(
    name: str,
    permissive: bool,
    command: str,
    roles: list[str],
    using: str | None,
    check: str | None,
) -> PolicySpec:
    """A policy as the database holds it; of one that is for ALL, the command is that word."""
    known: Any = Command(command) if command in set(Command) else command
    return PolicySpec(name, known, permissive, tuple(sorted(roles)), using, check)


def _kind(model: type[Model], *, closed: bool) -> str:
    if model._meta.db_table in framework_tables().names:
        return "a table of Django's framework, which only the login reads and writes"
    if closed:
        return "only the owner may use its table"
    if model._meta.auto_created or model._meta.get_parent_list():
        return "open to every session role, unless it is part of a protected model"
    return "open to every session role, as in plain Django"
