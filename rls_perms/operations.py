"""Migration operations that protect a model of another app, whose state is not ours to change."""

from typing import Any

from django.db.migrations.operations.base import Operation, OperationCategory

from rls_perms.exceptions import ConfigurationError
from rls_perms.policies.constraint import RowSecurity
from rls_perms.policies.protected import bound_to


class _OnModel(Operation):
    """What both have in common: the model, and the declaration that one of them undoes."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, app_label: str, model_name: str, declaration: RowSecurity) -> None:
        if not isinstance(declaration, RowSecurity):
            raise TypeError(
                f"{type(self).__name__}({app_label!r}, {model_name!r}, {declaration!r}) takes a "
                "RowSecurity(...) as its last argument."
            )
        self.app_label = app_label
        self.model_name = model_name
        self.declaration = declaration

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        args = [self.app_label, self.model_name, self.declaration]
        return type(self).__name__, args, {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: the model's own app would take a change of it for one of its own."""

    def references_model(self, name: str, app_label: str) -> bool:
        return (app_label.lower(), name.lower()) == self._key

    def reduce(self, operation: Operation, app_label: str) -> Any:
        opposite = isinstance(operation, _OnModel) and type(operation) is not type(self)
        if opposite and operation._key == self._key:  # type: ignore[attr-defined]
            if isinstance(self, AddRowSecurity) and operation._bound == self._bound:  # type: ignore[attr-defined]
                return []
            return False
        return super().reduce(operation, app_label)

    @property
    def _key(self) -> tuple[str, str]:
        return self.app_label.lower(), self.model_name.lower()

    @property
    def _bound(self) -> RowSecurity:
        return bound_to(self.declaration, self.app_label, self.model_name)

    def _add(self, schema_editor: Any, state: Any) -> None:
        model = self._model(state)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.add_constraint(model, self._bound)

    def _remove(self, schema_editor: Any, state: Any) -> None:
        model = self._model(state)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.remove_constraint(model, self._bound)

    def _model(self, state: Any) -> Any:
        try:
            return state.apps.get_model(self.app_label, self.model_name)
        except LookupError as error:
            raise ConfigurationError(
                f"{type(self).__name__}({self.app_label!r}, {self.model_name!r}, ...): {error} "
                "Add the migration that makes the model to the dependencies of this one."
            ) from error


class AddRowSecurity(_OnModel):
    """
    Protect a model of another app: ``AddRowSecurity("app_label", "Model", RowSecurity(...))``.

    For a migration of your own that depends on the one which makes the model. Declare the same
    with ``protect("app_label.Model", RowSecurity(...))`` in your models.
    """

    # What a migration names is public: rls_perms.AddRowSecurity, as rls_perms.RowSecurity.
    __module__ = "rls_perms"
    category = OperationCategory.ADDITION

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._add(schema_editor, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._remove(schema_editor, to_state)

    def describe(self) -> str:
        return f"Protect model {self.app_label}.{self.model_name} by {self._bound.name}"

    @property
    def migration_name_fragment(self) -> str:
        return self._bound.name.lower()


class RemoveRowSecurity(_OnModel):
    """
    Take back what ``AddRowSecurity`` did, with the same arguments.

    Row security stays on: until the model is declared otherwise, nobody but the owner uses it.
    """

    __module__ = "rls_perms"
    category = OperationCategory.REMOVAL

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._remove(schema_editor, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._add(schema_editor, to_state)

    def describe(self) -> str:
        return f"Drop the policies {self._bound.name} of {self.app_label}.{self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"remove_{self._bound.name.lower()}"
