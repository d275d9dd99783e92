"""Conditions with what the context knows put in, so that the owner can ask them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Expression, Field, ForeignKey, Model, OuterRef, Q

from rls_perms.expressions import CurrentTenant, CurrentUser, Exists, Setting, unlimited_type
from rls_perms.policies.through import Updatable

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler


class Known(Expression):
    """A value, also NULL, of the type of a field: what is compared with NULL is not true."""

    allowed_default = False

    def __init__(self, value: Any, output_field: "Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.value = value

    def as_sql(
        self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper"
    ) -> tuple[str, tuple[Any, ...]]:
        field = self.output_field
        value = None if self.value is None else field.get_db_prep_value(self.value, connection)
        return f"%s::{unlimited_type(field, connection)}", (value,)


@dataclass(frozen=True, slots=True)
class Knowing:
    """What stands in the place of what only a context knows."""

    user: Any
    tenant: Any
    settings: Mapping[str, Any]
    #: The keys of the rows of a model that may be updated.
    updatable: "Callable[[type[Model]], frozenset[Any]]"
    #: Whose rows are asked for; None inside of Exists().
    model: type[Model] | None

    def put_in(self, node: Any) -> Any:
        """*node*, a Q or whatever may stand in one, with values."""
        match node:
            case Q():
                children = [self.put_in(child) for child in node.children]
                return Q.create(children, connector=node.connector, negated=node.negated)
            case (str() as lookup, bool() as is_null) if target := self._behind(lookup):
                path, model = target
                there = Q(Exists(model._meta.label, Q(pk=OuterRef(path))))
                return ~there if is_null else there
            case tuple() | list():
                return type(node)([self.put_in(one) for one in node])
            case CurrentUser():
                return Known(self.user, node.output_field)
            case CurrentTenant():
                return Known(self.tenant, node.output_field)
            case Setting():
                value = self.settings.get(node.name)
                return Known(node.output_field.to_python(value), node.output_field)
            case Updatable():
                related = apps.get_model(node.model)
                keys = self.updatable(related)
                return Exists(node.model, node.condition & Q(pk__in=list(keys)))
            case Exists():
                # What is asked of another model's rows is Django's own.
                inside = replace(self, model=None).put_in(node.condition)
                return Exists(node.model, inside)
        if hasattr(node, "get_source_expressions") and hasattr(node, "copy"):
            found = node.copy()
            inside = node.get_source_expressions()
            if inside:
                found.set_source_expressions([self.put_in(one) for one in inside])
            return found
        return node

    def _behind(self, lookup: str) -> tuple[str, type[Model]] | None:
        """
        For ``document__id__isnull``, the path to the foreign key and the model behind it.

        Django looks at the foreign key alone; a policy asks for the row, which the asker may not
        see. See docs/conditions.md.
        """
        *path, last = lookup.split("__")
        if last != "isnull" or len(path) < 2 or self.model is None:
            return None
        name = path.pop()
        model: Any = self.model
        for one in path:
            field = next((f for f in model._meta.get_fields() if f.name == one), None)
            if field is None or not field.is_relation or field.related_model is None:
                return None
            model = field.related_model
        if not isinstance(field, ForeignKey) or field.target_field is not model._meta.pk:
            return None
        is_key = name in ("pk", model._meta.pk.name, model._meta.pk.attname)
        return ("__".join([*path[:-1], field.attname]), model) if is_key else None
