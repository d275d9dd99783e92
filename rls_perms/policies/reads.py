"""Which fields of which models a declaration reads, in a state of the migrations."""

from collections.abc import Iterator
from typing import Any

from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.utils import resolve_relation
from django.db.models import F, OuterRef, Q
from django.db.models.constants import LOOKUP_SEP

from rls_perms.expressions import CurrentUser
from rls_perms.policies.constraint import RowSecurity

#: Label of an app, name of a model in lower case.
ModelKey = tuple[str, str]
#: The same, and the name of a field.
FieldKey = tuple[str, str, str]


def fields_read(declared: RowSecurity, model: ModelKey, state: ProjectState) -> set[FieldKey]:
    """
    The fields that the conditions of *declared*, on *model*, pass on their ways.

    What *state* does not know is left out: that is for the check of the declaration to say.
    """
    reader = _Reader(state)
    found = {one for condition in conditions(declared) for one in reader.walk(condition, model)}
    if declared.tenant is not None:
        found |= set(reader.path(declared.tenant, model))
    return found


def asks_for_user(declared: RowSecurity) -> bool:
    """Whether a condition of *declared* says ``CurrentUser()``."""
    return any(_mentions(condition, CurrentUser) for condition in conditions(declared))


def conditions(declared: RowSecurity) -> Iterator[Q]:
    """All that a declaration writes as Q objects."""
    for arm in (*declared.arms.permissive, *declared.arms.restrictive):
        yield from (one for one in (arm.using, arm.check) if one is not None)


def _parts(expression: Any) -> Iterator[Any]:
    """What an expression is made of: conditions, values, other expressions."""
    if isinstance(expression, Q):
        for child in expression.children:
            yield child[1] if isinstance(child, tuple) else child
    elif isinstance(expression, (list, tuple)):
        yield from expression
    elif hasattr(expression, "get_source_expressions"):
        yield from (one for one in expression.get_source_expressions() if one is not None)


def _mentions(expression: Any, kind: type) -> bool:
    return isinstance(expression, kind) or any(
        _mentions(part, kind) for part in (*_parts(expression), *_subquery(expression))
    )


def _subquery(expression: Any) -> tuple[Any, ...]:
    """The condition of ``Exists("app.Model", Q(...))`` and its like."""
    condition = getattr(expression, "condition", None)
    return (condition,) if isinstance(condition, Q) and _label(expression) else ()


def _label(expression: Any) -> str | None:
    """The model on which an expression has a condition, where it names one."""
    label = getattr(expression, "model", None)
    return label if isinstance(label, str) and label.count(".") == 1 else None


def _name(column: Any) -> str:
    """What an ``F`` or an ``OuterRef`` names."""
    return str(column.name)


class _Reader:
    def __init__(self, state: ProjectState) -> None:
        self.state = state

    def walk(
        self, expression: Any, model: ModelKey, outer: ModelKey | None = None
    ) -> Iterator[FieldKey]:
        if isinstance(expression, OuterRef):
            yield from self.path(_name(expression), outer or model)
        elif isinstance(expression, F):
            yield from self.path(_name(expression), model)
        elif isinstance(expression, Q):
            for child in expression.children:
                if isinstance(child, tuple):
                    yield from self.path(child[0], model)
        label = _label(expression)
        if label is not None and _subquery(expression):
            app_label, _, name = label.partition(".")
            for condition in _subquery(expression):
                yield from self.walk(condition, (app_label, name.lower()), model)
        for part in _parts(expression):
            yield from self.walk(part, model, outer)

    def path(self, lookup: str, model: ModelKey) -> Iterator[FieldKey]:
        """The fields that *lookup* passes, as ``project__lead__name`` from *model*."""
        for name in lookup.split(LOOKUP_SEP):
            step = self._forward(name, model) or self._backward(name, model)
            if step is None:
                return  # a transform or a lookup
            found, target = step
            yield found
            if target is None:
                return
            model = target

    def _forward(self, name: str, model: ModelKey) -> tuple[FieldKey, ModelKey | None] | None:
        """A field of *model* or of a parent, and where it leads."""
        known: ModelState | None = self.state.models.get(model)
        if known is None:
            return None
        for field_name, field in known.fields.items():
            relation = getattr(field, "remote_field", None)
            names = {field_name, f"{field_name}_id"} if relation else {field_name}
            if name in names or (name == "pk" and field.primary_key):
                target = resolve_relation(relation.model, *model) if relation else None
                return (*model, field_name), target
        for base in known.bases:
            if isinstance(base, str) and "." in base:
                app_label, _, parent = base.partition(".")
                found = self._forward(name, (app_label, parent.lower()))
                if found is not None:
                    return found
        return None

    def _backward(self, name: str, model: ModelKey) -> tuple[FieldKey, ModelKey] | None:
        """A relation that another model declares, by the name that lookups give it."""
        for (app_label, other), fields in self.state.relations.get(model, {}).items():
            for field_name, field in fields.items():
                relation = field.remote_field
                given = relation.related_query_name or relation.related_name or other
                if name == given:
                    return (app_label, other, field_name), (app_label, other)
        return None
