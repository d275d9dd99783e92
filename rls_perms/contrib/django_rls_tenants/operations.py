"""Operations of django-rls-tenants in migrations."""

from typing import Any

from django.db import router
from django.db.migrations.operations.base import Operation, OperationCategory
from psycopg import sql

from rls_perms.policies.constraint import is_ours
from rls_perms.statements.foreign import drop_foreign_policy
from rls_perms.statements.render import joined
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Table, enable_row_security

__all__ = ["AddM2MRLSPolicy", "AddRLSPolicy", "RemoveRLSPolicy"]


class _Past(Operation):
    """An operation that a migration was written with; it changes no state of models."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, **given: Any) -> None:
        self.given = given

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [], self.given

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Nothing."""

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Nothing: row security stays on."""


class AddM2MRLSPolicy(_Past):
    """
    Nothing: the table of a many-to-many field follows from the declarations of its ends.

    The policy that django-rls-tenants made goes with the ``RemoveConstraint`` of either end.
    """

    category = OperationCategory.ADDITION

    def __init__(
        self, m2m_table: str, from_model: str, to_model: str, from_fk: str, to_fk: str, **given: Any
    ) -> None:
        super().__init__(
            m2m_table=m2m_table,
            from_model=from_model,
            to_model=to_model,
            from_fk=from_fk,
            to_fk=to_fk,
            **given,
        )

    def describe(self) -> str:
        return f"Nothing any more, of django-rls-tenants, on {self.given['m2m_table']}"


class _OnModel(_Past):
    """About the table of a model, in the migration's own app unless *app_label* says another."""

    def __init__(
        self, model_name: str, *, field: str = "tenant", app_label: str | None = None, **given: Any
    ) -> None:
        if app_label is not None:
            given["app_label"] = app_label
        super().__init__(model_name=model_name, field=field, **given)

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        label = self.given.get("app_label", app_label)
        model = to_state.apps.get_model(label, self.given["model_name"])
        connection = schema_editor.connection
        if is_ours(connection) and router.allow_migrate_model(connection.alias, model):
            statements = self._statements(model._meta.db_table)
            schema_editor.execute(as_text(joined(statements, "\n")), params=None)

    def _statements(self, table: str) -> list[sql.Composed]:
        raise NotImplementedError


class AddRLSPolicy(_OnModel):
    """
    Close the table of another app's model, where django-rls-tenants made a policy for it.

    Row security is on, without a policy: nobody uses the table until
    ``protect("app.Model", RowSecurity(...))`` declares it and ``AddRowSecurity``, in a migration
    after this one, makes its policies.
    """

    category = OperationCategory.ADDITION

    def _statements(self, table: str) -> list[sql.Composed]:
        return [enable_row_security(Table.of(table))]

    def describe(self) -> str:
        return f"Close {self.given['model_name']} until rls_perms protects it"


class RemoveRLSPolicy(_OnModel):
    """
    Drop what ``AddRLSPolicy`` made with django-rls-tenants, if the database has it.

    It takes the same arguments, and is for the migration in which ``AddRowSecurity`` makes the
    new policies. Row security stays on.
    """

    category = OperationCategory.REMOVAL

    def _statements(self, table: str) -> list[sql.Composed]:
        ends = ("isolation", "sharing")
        return [
            drop_foreign_policy(f"{table}_tenant_{end}_policy", Table.of(table)) for end in ends
        ]

    def describe(self) -> str:
        return f"Drop the policies of django-rls-tenants on {self.given['model_name']}"
