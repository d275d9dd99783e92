"""All rows as the owner reads them, and which of them a condition holds for."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import EmptyResultSet
from django.db import connections, transaction
from django.db.models import Model, Q

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError
from rls_perms.keywords import Command
from rls_perms.policies.constraint import declaration
from rls_perms.policies.reach import own_links
from rls_perms.session import tenant_key
from rls_perms.statements import trials as text

if TYPE_CHECKING:
    from rls_perms.testing.expected import Expected

Keys = frozenset[Any]


class Rows:
    """All rows of each model as the owner reads them, and what conditions said of them."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self._rows: dict[type[Model], list[Model]] = {}
        self._held: dict[Any, Keys] = {}
        #: (model, key of the user) -> command -> rows that ``has_perm`` grants.
        self.granted: dict[Any, dict[Command, Keys]] = {}

    @cached_property
    def schema(self) -> str:
        return catalog.current_schema(connections[self.owner])

    @cached_property
    def protected(self) -> dict[str, type[Model]]:
        """Every model with a declaration, by its table."""
        return {
            str(model._meta.db_table): model
            for model in apps.get_models(include_auto_created=True)
            if not model._meta.proxy and declaration(model) is not None
        }

    def of(self, model: type[Model]) -> list[Model]:
        if model not in self._rows:
            self._rows[model] = list(model._base_manager.using(self.owner).order_by("pk"))
        return self._rows[model]

    def keys(self, model: type[Model]) -> Keys:
        return frozenset(row.pk for row in self.of(model))

    def holding(
        self,
        condition: Q,
        model: type[Model],
        asker: "Expected",
        *,
        as_owner: bool,
    ) -> Keys:
        """
        The rows of *model* that ``filter(condition)`` has.

        What lies in other protected tables is what *asker* sees of them, unless *as_owner*:
        a view hides the table while the owner asks.
        """
        rows = model._base_manager.using(self.owner).filter(condition).values_list("pk", flat=True)
        query = rows.query
        try:
            statement, params = query.sql_with_params()
        except EmptyResultSet:
            return frozenset()
        own = {str(model._meta.db_table), *own_links(model)}
        hidden = {
            other: asker.allowed(other, Command.SELECT)
            for table, other in self.protected.items()
            if not as_owner and table not in own and f'"{table}"' in statement
        }
        asks_context = "rls_perms." in statement
        known = (statement, repr(params), tuple(hidden.items()), asks_context and asker)
        if known not in self._held:
            if hidden or asks_context:
                with transaction.atomic(using=self.owner):
                    self._hide(hidden)
                    if asks_context:
                        self._say(asker)
                    self._held[known] = frozenset(rows)
                    transaction.set_rollback(True, using=self.owner)
            else:
                self._held[known] = frozenset(rows)
        return self._held[known]

    def asks_for_key(self, condition: Q, model: type[Model]) -> bool:
        """Whether the key of a row of *model* decides about *condition*."""
        where = model._base_manager.using(self.owner).filter(condition).order_by().values("pk")
        try:
            statement, _ = where.query.sql_with_params()
        except EmptyResultSet:
            return False
        _, _, asked = statement.partition(" FROM ")
        table = model._meta.db_table
        return any(f'"{table}"."{one.column}"' in asked for one in key_fields(model))

    def _hide(self, hidden: dict[type[Model], Keys]) -> None:
        with connections[self.owner].cursor() as cursor:
            for model, keys in hidden.items():
                meta = model._meta
                if '"' in meta.db_table:
                    raise ConfigurationError(
                        f"A condition reads {meta.label}, whose db_table {meta.db_table!r} says a "
                        "schema: what is compared here cannot hide it. Compare the models that do "
                        "not read it."
                    )
                columns = [str(one.column) for one in key_fields(model)]
                values = [
                    key if isinstance(key, tuple) else (key,) for key in sorted(keys, key=str)
                ]
                cursor.execute(text.shadow(meta.db_table, self.schema, columns, values))

    def _say(self, asker: "Expected") -> None:
        """Let functions of the context in raw SQL answer what they answer to *asker*."""
        prefix = get_settings().guc_prefix
        with asker.asker.entered() as context:
            values = dict(context.settings)
        values |= {
            f"{prefix}.user_id": "" if asker.user_key is None else str(asker.user_key),
            f"{prefix}.tenant_id": tenant_key(asker.asker.tenant) or "",
        }
        with connections[self.owner].cursor() as cursor:
            for name, value in values.items():
                cursor.execute(text.SET_CONTEXT, [name, value])


def key_fields(model: type[Model]) -> list[Any]:
    """The fields of the primary key: one, but for a composite key."""
    return list(getattr(model._meta, "pk_fields", None) or [model._meta.pk])
