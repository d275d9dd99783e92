"""What a SELECT says of itself to the policies of object grants; none of it changes its rows."""

from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.db.models import lookups
from django.db.models.expressions import Col
from django.db.models.fields.related_lookups import RelatedExact, RelatedIn
from django.db.models.sql.where import AND, WhereNode

from rls_perms.policies.constraint import declaration
from rls_perms.statements.grant_forms import NARROW, PAGE, PLAIN

#: Lookups that become operators which PostgreSQL may ask before a policy (they are LEAKPROOF)...
_PLAIN = (
    lookups.Exact,
    lookups.In,
    lookups.GreaterThan,
    lookups.GreaterThanOrEqual,
    lookups.LessThan,
    lookups.LessThanOrEqual,
    lookups.Range,
    lookups.IsNull,
    lookups.StartsWith,
    RelatedExact,
    RelatedIn,
)
#: ... on columns of these types: as numeric, others have operators that it may not.
_TYPES = (
    "smallint",
    "integer",
    "bigint",
    "text",
    "varchar",
    "uuid",
    "date",
    "timestamp with time zone",
    "boolean",
)


#: From so many letters on, a beginning is taken for one of few rows.
LETTERS = 3


def hint(tables: set[str], query: Any, connection: Any) -> str:
    """The comment for a SELECT on *tables*; "" where no policy looks for one."""
    if not tables & _granted() or _aggregates(query) or not _is_plain(query.where, connection):
        return ""
    where = query.where
    all_hold = where.connector == AND and not where.negated
    if all_hold and any(map(_is_narrow, where.children)):
        return NARROW
    if query.high_mark is not None and (query.order_by or query.extra_order_by):
        return PAGE
    return PLAIN if where.children else ""


def _aggregates(query: Any) -> bool:
    """Whether it looks at all that it may see, by several processes at best."""
    return query.group_by is not None or any(
        one.contains_aggregate for one in query.annotation_select.values()
    )


def _is_narrow(lookup: Any) -> bool:
    """Whether a lookup, one of those that all have to hold, finds few rows."""
    if isinstance(lookup, lookups.StartsWith):
        return isinstance(lookup.rhs, str) and len(lookup.rhs) >= LETTERS
    is_key = isinstance(lookup, (lookups.Exact, lookups.In))
    return is_key and bool(lookup.lhs.target.unique)


_tables: set[str] | None = None


def _granted() -> set[str]:
    """The tables whose policies choose the form of object grants by the statement."""
    global _tables
    if _tables is None:
        found = ((model, declaration(model)) for model in apps.get_models())
        _tables = {
            model._meta.db_table
            for model, declared in found
            if declared is not None and declared.arms.many_grants
        }
    return _tables


def _forget(*, setting: str, **kwargs: object) -> None:
    global _tables
    if setting == "INSTALLED_APPS":
        _tables = None


setting_changed.connect(_forget, dispatch_uid="rls_perms.hints")


def _is_plain(where: Any, connection: Any) -> bool:
    if isinstance(where, WhereNode):
        return all(_is_plain(child, connection) for child in where.children)
    if not isinstance(where, _PLAIN) or type(where).__module__.startswith("django.contrib."):
        return False
    return _is_column(where.lhs, connection) and not _asks(where.rhs)


def _is_column(expression: Any, connection: Any) -> bool:
    if not isinstance(expression, Col) or getattr(expression.target, "db_collation", None):
        return False
    return str(expression.target.db_type(connection)).partition("(")[0] in _TYPES


def _asks(value: Any) -> bool:
    """Whether *value* is an expression or a query, whatever it does."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(map(_asks, value))
    return hasattr(value, "resolve_expression") or hasattr(value, "as_sql")


def starts_with(lookup: Any, compiler: Any, connection: Any) -> tuple[str, list[Any]] | None:
    """
    ``startswith`` as an operator that PostgreSQL may ask before a policy, by an index too.

    LIKE is none: it would look at every row that the policy shows. Both say the same. None for
    what only LIKE can say.
    """
    if type(lookup) is not lookups.StartsWith or lookup.bilateral_transforms:
        return None
    if not isinstance(lookup.rhs, str) or not _is_column(lookup.lhs, connection):
        return None
    text, params = lookup.process_lhs(compiler, connection)
    return f"{text} ^@ %s", [*params, lookup.rhs]
