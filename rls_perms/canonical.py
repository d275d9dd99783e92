"""Say a value so that equal values are said alike, whichever way they were written down."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from django.utils.functional import Promise
from psycopg.types.range import Range


def canonical(value: Any) -> str:
    """
    *value*, of a declaration, as text.

    Not repr(): a migration writes the value of an enum's member, a moment in UTC and what a
    lazy text says, and Python holds that 1 == True == Decimal("1.0"). A change that makes no
    migration must not make another text.
    """
    match value:
        case Enum():
            return canonical(value.value)
        case Promise() | str():
            return repr(str(value))
        case bool() | int() | float() | Decimal():
            return _number(value)
        case bytes() | bytearray() | memoryview():
            return repr(bytes(value))
        case datetime():
            moment = value if value.utcoffset() is None else value.astimezone(UTC)
            return moment.isoformat()
        case timedelta():
            return f"timedelta {value // timedelta(microseconds=1)}"
        case list() | tuple():
            return f"[{_joined(map(canonical, value))}]"
        case dict():
            items = (f"{canonical(key)}: {canonical(one)}" for key, one in value.items())
            return f"{{{_joined(sorted(items))}}}"
        case Range():
            bounds = (value.lower, value.upper, value.bounds)
            return f"{type(value).__name__}{canonical(bounds)}"
        case set() | frozenset():
            return f"set [{_joined(sorted(map(canonical, value)))}]"
    if isinstance(value, type) or callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    if not hasattr(value, "deconstruct"):
        return repr(value)
    # A field says its name first; in a declaration it has none. Where a class lives changes
    # with the version of Django, what it is called does not.
    *_, path, args, kwargs = value.deconstruct()
    return f"{path.rpartition('.')[2]}{canonical(args)}{canonical(kwargs)}"


def _number(value: bool | float | Decimal) -> str:
    try:
        return f"number {Fraction(value)}"
    except (OverflowError, ValueError):  # infinities, and what is no number
        return f"number {float(value)}"


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)
