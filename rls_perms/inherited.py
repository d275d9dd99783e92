"""Say by the link to the parent what a multi-table child inherits."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, Q
from django.db.models.constants import LOOKUP_SEP


def through_parents(condition: Q, model: type[Model]) -> Q:
    """*condition* on *model* with each field of a parent's table reached by its link."""
    children = [_child(child, model) for child in condition.children]
    return Q.create(children, connector=condition.connector, negated=condition.negated)


def _child(child: Any, model: type[Model]) -> Any:
    if isinstance(child, Q):
        return through_parents(child, model)
    if not isinstance(child, tuple):
        return child
    lookup, value = child
    return _path(lookup, model), value


def _path(lookup: str, model: type[Model]) -> str:
    try:
        field = model._meta.get_field(lookup.partition(LOOKUP_SEP)[0])
    except FieldDoesNotExist:
        return lookup
    home = getattr(field, "model", model)._meta.concrete_model
    # From a parent's side: a relation that points to the parent has that parent for a model.
    if home is None or home is model._meta.concrete_model or not field.concrete:
        return lookup
    link = model._meta.get_ancestor_link(home)
    if link is None:
        return lookup
    return LOOKUP_SEP.join((link.name, _path(lookup, link.remote_field.model)))
