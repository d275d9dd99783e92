"""Which tables and columns the queries inside a condition read."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models.expressions import Col
from django.db.models.sql import Query
from django.db.models.sql.where import WhereNode

from rls_perms.conditions.parts import Keys, Leaf

#: Table -> the columns of it that are named.
Reads = dict[str, set[str]]


def tables_read(leaf: Leaf, row: str) -> Reads:
    """The tables other than the row's own, called *row*, that *leaf* reads."""
    read: Reads = {}
    outer = None if isinstance(leaf, Keys) and leaf.first is None else row
    _collect(leaf.query, outer, {}, read)
    if isinstance(leaf, Keys) and leaf.first is not None:
        read.setdefault(leaf.first.table_name, set()).add(leaf.selected)
    return read


def names_row(nodes: Iterable[Any], row: str) -> bool:
    """Whether one of *nodes* names a column of the row itself."""
    return any(column.alias == row for column in _columns(nodes))


def row_columns(query: Query, row: str) -> list[str]:
    """The columns of the row itself that *query* names, each once."""
    joined = [
        mine
        for join in _used(query)
        for mine, _ in getattr(join, "join_cols", ())
        if join.parent_alias == row
    ]
    named = [one.target.column for one in _columns([query.where]) if one.alias == row]
    return list(dict.fromkeys([*joined, *named]))


def queries(nodes: Iterable[Any]) -> Iterator[Query]:
    """The queries inside of *nodes*, but not those inside of them."""
    for node in nodes:
        if isinstance(node, Query):
            yield node
        elif not isinstance(node, Col):
            yield from queries(_inside(node))


def walk(nodes: Iterable[Any]) -> Iterator[Any]:
    """*nodes* and everything inside of them, queries inside of queries too."""
    for node in nodes:
        yield node
        if not isinstance(node, Col):
            yield from walk(_named_by(node) if isinstance(node, Query) else _inside(node))


def _columns(nodes: Iterable[Any]) -> Iterator[Any]:
    """All columns named, in queries inside of queries too."""
    return (node for node in walk(nodes) if isinstance(node, Col))


def _inside(node: Any) -> list[Any]:
    if isinstance(node, WhereNode):
        return list(node.children)
    query = getattr(node, "query", None)
    if isinstance(query, Query):
        return [query]
    if hasattr(node, "get_source_expressions"):
        return [one for one in node.get_source_expressions() if one is not None]
    if isinstance(node, (list, tuple)):
        return list(node)
    return [node] if isinstance(node, Query) else []


def _named_by(query: Query) -> list[Any]:
    return [query.where, *query.select, *query.annotations.values(), *query.combined_queries]


def _collect(query: Query, row: str | None, outer: dict[str, str], read: Reads) -> None:
    """Add what *query* reads; *outer* are the aliases of the queries around it."""
    known = dict(outer)
    for join in _used(query):
        if join.table_alias != row:
            known[join.table_alias] = join.table_name
            read.setdefault(join.table_name, set())
    for join in _used(query):
        for mine, theirs in getattr(join, "join_cols", ()):
            read[join.table_name].add(theirs)
            if join.parent_alias in known:
                read[known[join.parent_alias]].add(mine)
    for node in _named_by(query):
        for column in _own_columns(node):
            if column.alias in known:
                read[known[column.alias]].add(column.target.column)
        for inner in queries([node]):
            _collect(inner, None, known, read)


def _used(query: Query) -> list[Any]:
    """The tables in the FROM of *query*."""
    return [join for alias, join in query.alias_map.items() if query.alias_refcount[alias]]


def _own_columns(node: Any) -> Iterator[Any]:
    """The columns that *node* names itself, and not the queries inside of it."""
    if isinstance(node, Col):
        yield node
    elif not isinstance(node, Query):
        for inner in _inside(node):
            yield from _own_columns(inner)
