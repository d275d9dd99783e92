"""The parts of a condition: each is one way for PostgreSQL to find out about a row."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Model
from django.db.models.sql import Query
from django.db.models.sql.datastructures import Join


@dataclass(frozen=True, slots=True, eq=False)
class Local:
    """It is told by the columns of the row; subqueries that it has are Django's own."""

    query: Query


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """
    A column of the row is among the keys that a query finds without looking at the row.

    The keys are an array made once a statement, so an index on *column* is used.
    *first* is the table that the row leads to, by *selected*; None where *query* says
    itself what it selects.
    """

    query: Query
    column: str
    first: Join | None = None
    selected: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """
    The tables that the row leads to are looked up row by row.

    For what an array cannot say: negation, NULL for want of a row, a comparison with the
    row itself; and for keys of which there are as many as rows.
    """

    query: Query
    first: Join | None = None


@dataclass(frozen=True, slots=True, eq=False)
class All:
    """Each of its parts holds."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True, eq=False)
class Some:
    """One of its parts holds."""

    parts: "tuple[Condition, ...]"


Leaf = Local | Keys | Probe
Condition = Leaf | All | Some


def leaves(condition: Condition) -> Iterator[Leaf]:
    """The parts of *condition* that hold no others."""
    if isinstance(condition, (All, Some)):
        for part in condition.parts:
            yield from leaves(part)
    else:
        yield condition


def row_alias(model: type[Model]) -> str:
    """How the row of a policy is called in its condition: as its table is."""
    return str(model._meta.db_table)
