"""The schema editor: what Django does to columns and tables never costs a policy."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import psycopg
from django.apps import apps
from django.db import Error, transaction
from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgreSQLSchemaEditor
from django.db.models import Model
from django.utils.functional import cached_property

from rls_perms import catalog
from rls_perms.exceptions import PolicyInTheWay
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import declaration, is_ours
from rls_perms.statements import altering
from rls_perms.statements.render import text as as_text

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor as Editor
else:
    Editor = object

#: A policy does not fit the new type of its column; a policy uses what is to be dropped.
DOES_NOT_FIT = "RP006"
IN_USE = "RP007"


class KeepsPolicies(Editor):
    """
    For a schema editor: policies survive an ALTER, and stop a DROP that would take them along.

    Which policies those are the catalog says, not a declaration: both may have changed since.
    Everything is a call of a function of the library's, so that what sqlmigrate prints does
    the same when it is pasted.
    """

    #: Whether policies are laid aside, so that they have to be put back.
    _laid_aside = False

    @cached_property
    def _keeps(self) -> bool:
        if not is_ours(self.connection):
            return False
        return self.collect_sql or catalog.installation(self.connection) is not None

    # ALTER COLUMN .. TYPE

    def _alter_field(self, model: Any, old_field: Any, new_field: Any, *rest: Any) -> None:
        """
        Change a column, and the foreign keys that follow it, with their policies laid aside.

        All in one transaction, also where the migration is none: nobody sees a table without
        its policies, and an error leaves everything as it was.
        """
        if not self._keeps:
            super()._alter_field(model, old_field, new_field, *rest)  # type: ignore[misc]
            return
        with self._in_one_transaction(), self._explained(_Change(model, old_field)):
            super()._alter_field(model, old_field, new_field, *rest)  # type: ignore[misc]
            if self._laid_aside:
                self._call(altering.put_policies_back())
                self._laid_aside = False

    def _alter_column_type_sql(self, model: Any, old_field: Any, new_field: Any, *rest: Any) -> Any:
        # Asked for right before the column is altered, and after it was renamed.
        if self._keeps:
            self._call(altering.lay_policies_aside(table_of(model), new_field.column))
            self._laid_aside = True
        return super()._alter_column_type_sql(  # type: ignore[misc]
            model, old_field, new_field, *rest
        )

    # DROP .. CASCADE

    def remove_field(self, model: Any, field: Any) -> None:
        """Drop a column; raises PolicyInTheWay if a policy uses it."""
        if self._keeps and field.column is not None:
            with self._explained(_Change(model, field)):
                self._call(altering.release_column(table_of(model), field.column))
        super().remove_field(model, field)

    def delete_model(self, model: Any) -> None:
        """Drop a table; raises PolicyInTheWay if a policy of another table uses it."""
        if self._keeps:
            along = [
                field.remote_field.through
                for field in model._meta.local_many_to_many
                if field.remote_field.through._meta.auto_created
            ]
            with self._explained(_Change(model)):
                self._call(altering.release_table(table_of(model), map(table_of, along)))
        super().delete_model(model)

    # How

    def _call(self, statement: Any) -> None:
        self.execute(as_text(statement), None)

    def _in_one_transaction(self) -> Any:
        if self.collect_sql:
            return nullcontext()
        return transaction.atomic(using=self.connection.alias, savepoint=False)

    @contextmanager
    def _explained(self, change: "_Change") -> Iterator[None]:
        """Say in Django's words what a function of the library refused."""
        try:
            yield
        except Error as error:
            cause = error.__cause__
            if not isinstance(cause, psycopg.Error) or cause.sqlstate not in (DOES_NOT_FIT, IN_USE):
                raise
            raise PolicyInTheWay(change.refused(cause)) from error


class DatabaseSchemaEditor(KeepsPolicies, PostgreSQLSchemaEditor):
    """Django's own, which keeps policies."""


class _Change:
    """What a migration does to a field or a model, in words for an error."""

    def __init__(self, model: type[Model], field: Any = None) -> None:
        self.model = model
        self.what = model._meta.label if field is None else f"{model._meta.label}.{field.name}"

    def refused(self, cause: psycopg.Error) -> str:
        """What the function refused, with the models of the policies and the edit to make."""
        found = [tuple(one) for one in json.loads(cause.diag.message_detail or "[]")]
        policies = ", ".join(f"{policy!r} of {self._owner(*table)}" for *table, policy in found)
        owners = {tuple(table): None for *table, _ in found}
        edits = " ".join(self._edit(*table) for table in owners)
        if cause.sqlstate == DOES_NOT_FIT:
            return (
                f"The type of {self.what} cannot be changed: {cause.diag.message_primary}. "
                f"It is {policies}. Nothing was changed. {edits}"
            )
        first, *_ = owners
        if list(owners) == [first] and self._model(*first) is self.model:
            advice = f"{edits} Do it before this operation."
        else:
            advice = (
                f"Change or remove what reads it first: {edits} Let this migration depend on the "
                "one that does so."
            )
        return (
            f"{self.what} cannot be removed: it would take policies along that use it: {policies}. "
            f"Nothing was changed. {advice}"
        )

    def _model(self, schema: str, table: str) -> type[Model] | None:
        for known in (self.model._meta.apps, apps):
            for model in known.get_models(include_auto_created=True):
                named = table_of(model)
                if named.name == table and named.schema in ("", schema) and not model._meta.proxy:
                    return self.model if model._meta.label == self.model._meta.label else model
        return None

    def _owner(self, schema: str, table: str) -> str:
        model = self._model(schema, table)
        return f"the table {schema}.{table}" if model is None else model._meta.label

    def _edit(self, schema: str, table: str) -> str:
        model = self._model(schema, table)
        declared = None if model is None else declaration(model)
        if model is None or declared is None:
            return (
                f"The policies of {self._owner(schema, table)} are in no declaration: drop them in "
                "a migration (RunSQL), and create them anew after this operation."
            )
        return (
            f"Write migrations.RemoveConstraint({model._meta.model_name!r}, {declared.name!r}) "
            f"into a migration of {model._meta.app_label!r} that comes before this operation, and "
            "migrations.AddConstraint with the declaration as it shall be after it."
        )
