"""Django's autodetector, which also knows what declarations read: dependencies, nothing else."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.db.migrations import operations
from django.db.migrations.autodetector import MigrationAutodetector as DjangoAutodetector
from django.db.migrations.autodetector import OperationDependency
from django.db.migrations.operations.base import Operation
from django.db.migrations.utils import resolve_relation

from rls_perms.policies.constraint import RowSecurity
from rls_perms.policies.reads import FieldKey, asks_for_user, fields_read
from rls_perms.policies.same_tenant import SameTenant

#: What has to come first: an operation after which a field is there under its name, and one
#: after which a declaration reads no more.
MAKES = "makes what a declaration reads"
STOPS = "stops reading"


class MigrationAutodetector(DjangoAutodetector):
    """
    Orders migrations by what declarations read; finds the changes that Django's own finds.

    A migration that adds a declaration comes after those that make what it reads, and one that
    renames or removes what a declaration reads comes after the one that takes it away.
    """

    def add_operation(
        self,
        app_label: str,
        operation: Operation,
        dependencies: Any = None,
        beginning: bool = False,
    ) -> None:
        more = [*(dependencies or ()), *self._reading(operation, app_label)]
        more += self._stopping(operation, app_label)
        super().add_operation(app_label, operation, more, beginning)

    def check_dependency(self, operation: Operation, dependency: Any) -> bool:
        if dependency.type == MAKES:
            return _makes(operation, dependency)
        if dependency.type == STOPS:
            return (
                isinstance(operation, operations.RemoveConstraint)
                and operation.name == dependency.field_name
                and operation.model_name_lower in self._names(dependency)
            )
        return super().check_dependency(operation, dependency)

    def _reading(self, operation: Operation, app_label: str) -> Iterator[OperationDependency]:
        """What *operation*, if it adds a declaration, needs to be there."""
        if not isinstance(operation, operations.AddConstraint):
            return
        declared: Any = operation.constraint
        if isinstance(declared, SameTenant):
            yield from self._of_tenants(declared, app_label, operation.model_name_lower)
        if not isinstance(declared, RowSecurity):
            return
        model = (app_label, operation.model_name_lower)
        for found in sorted(fields_read(declared, model, self.to_state)):
            yield OperationDependency(*found, MAKES)  # type: ignore[arg-type]
        if asks_for_user(declared):
            created = OperationDependency.Type.CREATE
            yield OperationDependency("__setting__", "AUTH_USER_MODEL", None, created)

    def _of_tenants(
        self, declared: SameTenant, app_label: str, model: str
    ) -> Iterator[OperationDependency]:
        """The fields that a key within the tenant is made of, on both sides."""
        fields: Any = self.to_state.models[app_label, model].fields
        parent = resolve_relation(fields[declared.field].remote_field.model, app_label, model)
        for found in (
            (app_label, model, declared.field),
            (app_label, model, declared.tenant),
            (*parent, declared.parent_tenant),
        ):
            yield OperationDependency(*found, MAKES)  # type: ignore[arg-type]

    def _stopping(self, operation: Operation, app_label: str) -> Iterator[OperationDependency]:
        """Which declarations read what *operation* renames or removes, until now."""
        gone = _gone(operation)
        if gone is None:
            return
        name, field = gone
        renamed = getattr(self, "renamed_models", {})
        name = str(renamed.get((app_label, name), name)).lower()
        for (reader_app, reader, declaration), fields in self._readers.items():
            if (reader_app, reader) == (app_label, name):
                continue
            if any(one[:2] == (app_label, name) and field in (None, one[2]) for one in fields):
                yield OperationDependency(
                    reader_app,
                    reader,
                    declaration,
                    STOPS,  # type: ignore[arg-type]
                )

    @cached_property
    def _readers(self) -> dict[FieldKey, set[FieldKey]]:
        """What each declaration reads before the change; its key ends with its name."""
        return {
            (*model, declared.name): fields_read(declared, model, self.from_state)
            for model, known in self.from_state.models.items()
            for declared in known.options.get("constraints", ())
            if isinstance(declared, RowSecurity)
        }

    def _names(self, dependency: Any) -> set[str]:
        """The name of the dependency's model before the change, and after it."""
        return {dependency.model_name} | {
            new
            for (app_label, new), old in self.renamed_models.items()
            if app_label == dependency.app_label and str(old).lower() == dependency.model_name
        }


def _gone(operation: Operation) -> tuple[str, str | None] | None:
    """The model, and the field if it is one, that *operation* renames or removes."""
    match operation:
        case operations.RenameField():
            return operation.model_name_lower, operation.old_name
        case operations.RemoveField():
            return operation.model_name_lower, operation.name
        case operations.RenameModel():
            return operation.old_name_lower, None
        case operations.DeleteModel():
            return operation.name_lower, None
    return None


def _makes(operation: Operation, dependency: Any) -> bool:
    """Whether *operation* makes the field, or gives it or its model the name that is read."""
    model, field = dependency.model_name, dependency.field_name
    made: tuple[str, Any] | None = None
    match operation:
        case operations.CreateModel():
            made = operation.name_lower, [name for name, _ in operation.fields]
        case operations.AddField():
            made = operation.model_name_lower, [operation.name]
        case operations.RenameField():
            made = operation.model_name_lower, [operation.new_name]
        case operations.RenameModel():
            made = operation.new_name_lower, [field]
    return made is not None and made[0] == model and field in made[1]
