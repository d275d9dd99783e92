"""Refuse a condition that compares values of different kinds, before PostgreSQL sees it."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import F, Field, Model, Q
from django.db.models.expressions import Col, OuterRef
from django.db.models.fields.json import KeyTransform
from django.db.models.sql import Query

from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError
from rls_perms.expressions import CurrentTenant, CurrentUser, Exists, Setting, unlimited_type

#: What PostgreSQL compares with each other, type by type.
KINDS = {
    "smallint": "number",
    "integer": "number",
    "bigint": "number",
    "numeric": "number",
    "real": "number",
    "double precision": "number",
    "varchar": "text",
    "character varying": "text",
    "bpchar": "text",
    "text": "text",
    "citext": "text",
    "boolean": "boolean",
    "date": "date",
    "timestamp with time zone": "timestamp",
    "timestamp without time zone": "timestamp",
    "time": "time",
    "interval": "interval",
    "uuid": "UUID",
    "jsonb": "JSON",
    "bytea": "bytes",
    "inet": "network address",
}

#: Lookups whose two sides are of one kind.
COMPARING = frozenset({"exact", "gt", "gte", "lt", "lte", "in", "range"})
#: Lookups of text, and those of arrays.
MATCHING = frozenset(
    {"iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"}
)
OVERLAPPING = frozenset({"contains", "contained_by", "overlap"})


def check_comparisons(condition: Q, model: type[Model]) -> None:
    """
    Raise ConfigurationError for a comparison in *condition* of a column with another kind.

    It looks at what a lookup names and at values, Setting, CurrentUser, CurrentTenant and F;
    of any other expression only PostgreSQL knows what it is.
    """
    if connections[get_settings().databases[0]].vendor != "postgresql":
        return
    for inner in _existing(condition):
        check_comparisons(inner.condition, inner.related(model))
    for lookup, value in _lookups(condition):
        left, name = _left(lookup, model)
        if left is None:
            continue
        if name in COMPARING or (name in MATCHING and _kind(left) == "text"):
            items = value if isinstance(value, (list, tuple)) else [value]
        elif name in OVERLAPPING and _kind(left).endswith("[]"):
            items = [value]
        else:
            continue
        for item in items:
            right = _right(item, model)
            if right is not None:
                _compare(lookup, left, item, right, model)
            elif not hasattr(item, "resolve_expression") and name in COMPARING - {"in", "range"}:
                _check_value(lookup, left, item, model)


def _lookups(condition: Q) -> Iterator[tuple[str, Any]]:
    for child in condition.children:
        if isinstance(child, Q):
            yield from _lookups(child)
        elif isinstance(child, tuple):
            yield child


def _existing(condition: Q) -> Iterator[Exists]:
    for child in condition.children:
        if isinstance(child, Q):
            yield from _existing(child)
        elif isinstance(child, Exists):
            yield child


def _left(lookup: str, model: type[Model]) -> "tuple[Field[Any, Any] | None, str]":
    """What *lookup* compares, after its transforms, and by which lookup."""
    query: Any = Query(model)
    rest, names, annotated = query.solve_lookup_type(lookup)
    if annotated:
        return None, ""
    side = _column(names, query)
    *transforms, name = rest or ["exact"]
    if side.get_lookup(name) is None:
        transforms, name = [*transforms, name], "exact"
    for transform in transforms:
        side = query.try_transform(side, transform)
        if isinstance(side, KeyTransform):
            return None, ""
    return side.output_field, name


def _column(names: list[str], query: Any) -> Col:
    """The column that a path of fields ends in; a relation is the key that it points to."""
    _, _, targets, _ = query.names_to_path(names, query.get_meta())
    field = targets[0]
    while field.is_relation:
        field = field.target_field
    return Col("", field)


def _right(value: Any, model: type[Model]) -> "Field[Any, Any] | None":
    """The field of a value that says its type; None for any other."""
    if isinstance(value, (Setting, CurrentUser, CurrentTenant)):
        return value.output_field
    if isinstance(value, F) and not isinstance(value, OuterRef):
        field, name = _left(str(value.name), model)  # type: ignore[attr-defined]
        return field if name == "exact" else None
    return None


def _compare(
    lookup: str,
    left: "Field[Any, Any]",
    value: Any,
    right: "Field[Any, Any]",
    model: type[Model],
) -> None:
    kinds = _kind(left), _kind(right)
    if "" in kinds or kinds[0] == kinds[1]:
        return
    raise ConfigurationError(
        f"{lookup!r} of {model._meta.label} is {_a(kinds[0])} and {value!r} is {_a(kinds[1])}, so "
        "PostgreSQL cannot compare them. Compare a column with a value of its own type."
    )


def _check_value(lookup: str, left: "Field[Any, Any]", value: Any, model: type[Model]) -> None:
    try:
        left.get_prep_value(value.pk if isinstance(value, Model) else value)
    except (TypeError, ValueError, ValidationError) as error:
        why = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        raise ConfigurationError(
            f"{lookup!r} of {model._meta.label} is {_a(_kind(left))} and cannot be compared with "
            f"{value!r}: {why}"
        ) from error


def _kind(field: "Field[Any, Any]") -> str:
    """What PostgreSQL compares a column of *field* with; '' if only PostgreSQL knows."""
    declared = unlimited_type(field, connections[get_settings().databases[0]])
    if declared.endswith("[]"):
        # Arrays are compared with those of the very same element.
        return declared if declared.rstrip("[]") in KINDS else ""
    if declared.endswith("range"):
        return declared
    return KINDS.get(declared, "")


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind or 'value'}"
