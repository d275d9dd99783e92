"""
Find the rows that a statement of the ORM passed over: shown, and not changed.

Nothing is asked where as many rows were changed as the statement names by key.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Case, Model, QuerySet
from django.db.models.expressions import Col, ColPairs
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, In
from django.db.models.query import MAX_GET_RESULTS
from django.db.models.sql import Query
from django.db.models.sql.where import AND, WhereNode

from rls_perms.context import current
from rls_perms.denial import KEYS, passed_over
from rls_perms.loud import are_loud
from rls_perms.policies.constraint import declaration


@cache
def _is_protected(model: type[Model]) -> bool:
    # A proxy is another name of a table, and has none of its constraints.
    return declaration(model._meta.concrete_model or model) is not None


def keys_named(query: Any) -> list[Any] | None:
    """The keys that *query* is limited to by value, each once; None where it names none."""
    if query.where.connector != AND or query.where.negated:
        return None
    for lookup in _conditions(query.where):
        if not (isinstance(lookup, Exact | In) and _is_key(lookup.lhs, query.model)):
            continue
        if not lookup.rhs_is_direct_value():
            continue
        keys = list(lookup.rhs) if isinstance(lookup, In) else [lookup.rhs]
        try:
            return list(dict.fromkeys(keys))
        except TypeError:
            return None  # a key that cannot be hashed: ask the database
    return None


def _conditions(where: Any) -> Iterator[Any]:
    """The conditions of *where* that must all hold."""
    for child in where.children:
        if not isinstance(child, WhereNode):
            yield child
        elif not child.negated and (child.connector == AND or len(child.children) == 1):
            yield from _conditions(child)


def _is_key(column: Any, model: type[Model]) -> bool:
    fields = tuple(model._meta.pk_fields)
    if isinstance(column, ColPairs):
        return tuple(column.targets) == fields
    return isinstance(column, Col) and (column.target,) == fields


def is_bulk_update(query: Any, keys: list[Any] | None) -> bool:
    """Whether *query* is one of ``bulk_update()``: to each key a value of its own."""
    if not keys or not query.values:
        return False
    for _, _, value in query.values:
        given = value.source_expressions[0] if isinstance(value, Cast) else value
        if not isinstance(given, Case) or len(given.cases) < len(keys):
            return False
    return True


def tells(compiler: Any) -> bool:
    """Whether what *compiler* runs is a session role's, on a protected model."""
    return (
        current.get() is not None
        and compiler.connection.is_ours
        and _is_protected(compiler.query.model)
    )


def deleting(compiler: Any, execute: Callable[[], Any]) -> Any:
    """Run a DELETE, and raise if it left rows that are shown."""
    if not are_loud.get() or not tells(compiler):
        return execute()
    keys = keys_named(compiler.query)
    with _whole(compiler, keys):
        deleted = execute()
        if keys is None or (deleted or 0) < len(keys):
            _refuse(compiler, "delete", _shown(compiler))
    return deleted


def updating(compiler: Any, execute: Callable[[], Any], returning: Callable[[], Any]) -> Any:
    """Run an UPDATE, by *returning* the keys that it changed if that is to be compared."""
    query = compiler.query
    if not query.values or not tells(compiler):
        return execute()
    keys = keys_named(query)
    if not are_loud.get() and not is_bulk_update(query, keys):
        return execute()
    with _whole(compiler, keys):
        changed = returning()
        if keys is None or len(changed) < len(keys):
            _refuse(compiler, "change", (one for one in _shown(compiler) if one not in changed))
    return len(changed)


def locking(compiler: Any, execute: Callable[[], Any]) -> Any:
    """
    Run a SELECT; if it is a ``get()`` that locks, raise where the row is shown and not locked.

    A set that is locked is filtered, as one that is updated is.
    """
    query = compiler.query
    result = execute()
    if (
        query.select_for_update
        and not query.select_for_update_skip_locked
        and query.high_mark == MAX_GET_RESULTS
        and isinstance(result, list)
        and not result
        and tells(compiler)
    ):
        _refuse(compiler, "change", _shown(compiler))
    return result


def _shown(compiler: Any) -> Iterator[Any]:
    """The keys of the rows that the statement names and its asker sees."""
    query = compiler.query.chain(Query)
    query.select_for_update = False
    query.clear_limits()
    model = query.model
    rows: QuerySet[Any] = QuerySet(model=model, query=query, using=compiler.using).order_by()
    names = [field.attname for field in model._meta.pk_fields]
    return map(_key, rows.values_list(*names).iterator())


def key_rows(compiler: Any, rows: Any) -> set[Any]:
    """The keys in the *rows* of a cursor, as Django's fields have them."""
    meta = compiler.query.get_meta()
    columns = [field.get_col(meta.db_table) for field in meta.pk_fields]
    converters = compiler.get_converters(columns)
    if converters:
        rows = compiler.apply_converters(rows, converters)
    return set(map(_key, rows))


def _key(row: Any) -> Any:
    return row[0] if len(row) == 1 else tuple(row)


def _refuse(compiler: Any, action: str, keys: Iterator[Any]) -> None:
    left = list(islice(keys, KEYS))
    if left:
        raise passed_over(compiler.query.model, action, left, compiler.connection.asking)


def _whole(compiler: Any, keys: list[Any] | None) -> AbstractContextManager[Any]:
    """A transaction, so that nothing is half done; one row is changed or is not."""
    if keys is not None and len(keys) == 1:
        return nullcontext()
    return transaction.atomic(using=compiler.using, savepoint=False)
