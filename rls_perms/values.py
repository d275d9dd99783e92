"""The text by which PostgreSQL reads a Python value as the type of a field. Asks no database."""

import copy
import datetime
import json
from collections.abc import Mapping
from typing import Any, NoReturn

import psycopg
from django.conf import settings
from django.contrib.postgres.fields import ArrayField, HStoreField, RangeField
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import BinaryField, Field, GenericIPAddressField, JSONField
from django.utils.functional import Promise
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.hstore import BaseHstoreDumper
from psycopg.types.range import Range

from rls_perms.conf import get_settings

#: What a conversion raises for a value that is none of the field's.
REFUSALS = (ArithmeticError, TypeError, UnicodeError, ValueError, ValidationError, psycopg.Error)


def text_of(field: "Field[Any, Any]", value: Any) -> str | None:
    """
    *value*, checked by *field*, as text; None for None.

    Raises ValueError, whose message says why, for what the field does not take, or takes
    only by cutting it (3.7 for an integer), and for what no setting can hold.
    """
    if value is None:
        return None
    try:
        text = _rendered(field, _converted(field, value))
        text.encode()
    except ValidationError as error:
        raise ValueError(" ".join(error.messages)) from error
    except REFUSALS as error:
        raise ValueError(str(error)) from error
    if "\0" in text:
        _refuse("PostgreSQL has no text with a NUL character")
    if text == "":
        _refuse(
            "PostgreSQL cannot tell an empty setting from one that is not set, so no row would "
            "equal it; give None to leave it unset"
        )
    return text


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)


def _converted(field: "Field[Any, Any]", value: Any) -> Any:
    """*value* as the field's own Python type, valid for it, and nothing of it lost."""
    match field:
        case ArrayField():
            found: Any = _array(field, value)
        case RangeField():
            found = _range(field, value)
        case BinaryField():
            if not isinstance(value, (bytes, bytearray, memoryview)):
                _refuse(f"bytes are wanted, and it is a {type(value).__name__}")
            found = bytes(value)
        case HStoreField():
            if not isinstance(value, Mapping):
                _refuse(f"a dict is wanted, and it is a {type(value).__name__}")
            found = dict(value)
        case _:
            found = _scalar(field, value)
    checking = _checking(field)
    checking.validate(found, None)
    checking.run_validators(found)
    return found


def _checking(field: Any) -> Any:
    """*field* with what only forms ask taken off: an empty list is a value."""
    checking = copy.copy(field)
    checking.blank = checking.editable = True
    if isinstance(field, ArrayField):
        checking.base_field = _checking(field.base_field)
    return checking


def _scalar(field: "Field[Any, Any]", value: Any) -> Any:
    found = field.to_python(value)
    if isinstance(value, bool) and not isinstance(found, bool) and not isinstance(field, JSONField):
        _refuse("it is a bool")
    # to_python() of an integer field makes 3 of 3.7, and that of a text field '3' of 3.
    is_text = isinstance(value, (str, Promise))
    if not is_text and type(found) is not type(value) and found != value:
        _refuse(f"it is a {type(value).__name__}, which would become {found!r}")
    if isinstance(field, GenericIPAddressField) and "%" in str(value):
        _refuse("it has a scope, which PostgreSQL keeps with no address")
    if isinstance(found, datetime.datetime) and settings.USE_TZ and found.utcoffset() is None:
        _refuse("it has no time zone, so it is no point in time; see django.utils.timezone")
    if isinstance(found, datetime.time) and found.tzinfo is not None:
        _refuse("it has a time zone, which the type would drop")
    return found


def _array(field: "ArrayField[Any, Any]", value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        _refuse(f"a list is wanted, and it is a {type(value).__name__}")
    found = [None if one is None else _converted(field.base_field, one) for one in value]
    if isinstance(field.base_field, ArrayField) and [] in found:
        _refuse("an array in PostgreSQL has no empty list in it")
    return found


def _range(field: Any, value: Any) -> "Range[Any]":
    if isinstance(value, (list, tuple)) and len(value) == 2:
        value = Range(value[0], value[1], getattr(field, "default_bounds", "[)"))
    if not isinstance(value, Range):
        _refuse(f"a range or two bounds are wanted, and it is a {type(value).__name__}")
    if value.isempty:
        return value
    bound: Any = field.base_field
    lower, upper = (
        None if one is None else _converted(bound, one) for one in (value.lower, value.upper)
    )
    if lower is not None and upper is not None and lower > upper:
        _refuse(f"its lower bound {lower!r} is above its upper bound {upper!r}")
    if isinstance(upper, int) and value.upper_inc:
        # PostgreSQL keeps the integer after it.
        upper, bounds = _converted(bound, upper + 1), f"{value.bounds[0]})"
        return Range(lower, upper, bounds)
    return Range(lower, upper, value.bounds)


def _rendered(field: "Field[Any, Any]", value: Any) -> str:
    match field:
        case ArrayField():
            # The text of an array is that of its elements, quoted.
            return _dumped(_elements(field, value))
        case RangeField() if not value.isempty:
            bound: Any = field.base_field
            lower, upper = (
                None if one is None else _rendered(bound, one) for one in (value.lower, value.upper)
            )
            return _dumped(Range(lower, upper, value.bounds))
        case HStoreField():
            return bytes(BaseHstoreDumper(dict).dump(field.get_prep_value(value)) or b"").decode()
        case BinaryField():
            return f"\\x{value.hex()}"
    # Only its operations are used, which need no server.
    connection = connections[get_settings().databases[0]]
    text = _dumped(field.get_db_prep_value(value, connection, prepared=False))
    if isinstance(field, JSONField):
        _check_json(json.loads(text, parse_constant=_no_constant))
    return text


def _elements(field: "ArrayField[Any, Any]", value: Any) -> list[Any]:
    inner = field.base_field
    render = _elements if isinstance(inner, ArrayField) else _rendered
    return [None if one is None else render(inner, one) for one in value]  # type: ignore[arg-type]


def _dumped(value: Any) -> str:
    """By psycopg's own dumpers, as a parameter of a statement."""
    if isinstance(value, str):
        # Of an enum its value, not its name.
        return str.__str__(value)
    if value == []:
        return "{}"
    found = Transformer().get_dumper(value, PyFormat.TEXT).dump(value)
    return bytes(found or b"").decode()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


def _check_json(value: Any) -> None:
    """jsonb has neither the NUL character nor half a surrogate pair."""
    match value:
        case str():
            value.encode()
            if "\0" in value:
                _refuse("jsonb has no text with a NUL character")
        case list():
            for one in value:
                _check_json(one)
        case dict():
            for name, one in value.items():
                _check_json(name)
                _check_json(one)
