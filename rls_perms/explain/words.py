"""Say a condition in words. Pure: it looks at the Q and at the model's fields alone."""

import datetime
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, Model, OuterRef, Q
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Value

from rls_perms.expressions import CurrentTenant, CurrentUser, Exists, Setting

LOOKUPS = {
    "exact": "is {}",
    "iexact": "is {} in any case",
    "gt": "is more than {}",
    "gte": "is at least {}",
    "lt": "is less than {}",
    "lte": "is at most {}",
    "in": "is one of {}",
    "range": "is between {}",
    "contains": "contains {}",
    "icontains": "contains {} in any case",
    "startswith": "begins with {}",
    "istartswith": "begins with {} in any case",
    "endswith": "ends with {}",
    "iendswith": "ends with {} in any case",
    "regex": "matches {}",
    "iregex": "matches {} in any case",
    "contained_by": "is contained in {}",
    "overlap": "has something of {}",
    "has_key": "has the key {}",
}


def condition_words(condition: Any, model: type[Model]) -> str:
    """*condition* as what follows "rows where"; '' for that of all rows."""
    if isinstance(condition, tuple):
        lookup, value = condition
        return _comparison(lookup, value, model)
    if isinstance(condition, Exists):
        where = condition_words(condition.condition, condition.related(model))
        return f"there is one of {condition.model}{f' where {where}' if where else ''}"
    if not isinstance(condition, Q):
        return value_words(condition)
    parts = [(one, text) for one in condition.children if (text := condition_words(one, model))]
    if not parts:
        return "never" if condition.negated else ""
    mixed = len(parts) > 1
    word = {Q.AND: " and ", Q.OR: " or ", Q.XOR: " xor "}[condition.connector]
    text = word.join(
        f"({text})" if mixed and _joins(one, condition.connector) else text for one, text in parts
    )
    return f"not ({text})" if condition.negated else text


def _joins(condition: Any, connector: str) -> bool:
    """Whether what is said of *condition* needs brackets beside others joined by *connector*."""
    if isinstance(condition, Exists):
        return True
    if not isinstance(condition, Q) or condition.negated:
        return False
    if len(condition.children) == 1:
        return _joins(condition.children[0], connector)
    return bool(condition.connector != connector)


def _comparison(lookup: str, value: Any, model: type[Model]) -> str:
    names, rest = _path(lookup, model)
    what = path_words(names)
    *transforms, name = rest or ["exact"]
    if rest and name not in (*LOOKUPS, "isnull"):
        transforms, name = [*transforms, name], "exact"
    what = path_words([what, *transforms])
    if name == "isnull" or (name == "exact" and value is None):
        return f"{what} is {'empty' if value is None or value else 'not empty'}"
    if name == "in" and isinstance(value, (list, tuple, set, frozenset)):
        values = ", ".join(map(value_words, _ordered(value))) or "nothing"
    elif name == "range" and isinstance(value, (list, tuple)):
        values = " and ".join(map(value_words, value))
    else:
        values = value_words(value)
    return f"{what} {LOOKUPS[name].format(values)}"


def _ordered(values: Iterable[Any]) -> list[Any]:
    """A set in an order of its own: that of Python differs from process to process."""
    return list(values) if isinstance(values, (list, tuple)) else sorted(values, key=value_words)


def _path(lookup: str, model: type[Model]) -> tuple[list[str], list[str]]:
    """The fields that *lookup* names, one behind the other, and what follows them."""
    parts = lookup.split(LOOKUP_SEP)
    at: Any = model
    names: list[str] = []
    while parts and at is not None:
        if parts[0] != "pk":
            try:
                field = at._meta.get_field(parts[0])
            except FieldDoesNotExist:
                # As for owner_id: the column of a relation.
                found = [one for one in at._meta.fields if one.attname == parts[0]]
                if not found:
                    break
                field = found[0]
            at = field.related_model if field.is_relation else None
            names.append(field.name)
        else:
            at = None
            names.append("primary key")
        parts = parts[1:]
    return names, parts


def path_words(names: Iterable[str]) -> str:
    """``["project", "owner"]`` as "project's owner"."""
    return "'s ".join(names)


def value_words(value: Any) -> str:
    """A value, or what stands for one, in words; an unknown expression as it is written."""
    match value:
        case CurrentUser():
            return "the current user"
        case CurrentTenant():
            return "the current tenant"
        case Setting():
            return f"the setting {value.name!r}"
        case Value():
            return value_words(value.value)
        case Enum():
            return value_words(value.value)
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case Decimal() | UUID() | datetime.timedelta():
            return str(value)
        case list() | tuple():
            return f"[{', '.join(map(value_words, value))}]"
        case Model():
            return f"{value._meta.label} {value.pk!r}"
    if type(value) in (F, OuterRef):
        of = "the row's " if isinstance(value, OuterRef) else ""
        return of + path_words(str(value.name).split(LOOKUP_SEP))
    return repr(value)


def joined(words: Iterable[str], last: str = "and") -> str:
    """As a person lists them: a, b and c."""
    found = list(words)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} {last} {found[-1]}"
