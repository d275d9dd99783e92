"""
Take a Q apart, so that what can use an index does.

Django's own query of each part decides what it means: a row fulfils the condition if
``Model.objects.filter(condition)`` has it, NULL and negation included.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db.models import ForeignKey, Model, OuterRef, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import ResolvedOuterRef
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.sql import Query
from django.db.models.sql.constants import INNER
from django.db.models.sql.datastructures import Join

from rls_perms.conditions.parts import All, Condition, Keys, Local, Probe, Some, row_alias
from rls_perms.conditions.reads import names_row, tables_read, walk
from rls_perms.exceptions import ConfigurationError
from rls_perms.expressions import Exists


def parse(condition: Q, model: type[Model], *, keys: bool = True) -> Condition:
    """
    *condition* on a row of *model*, in parts.

    Without *keys*, other tables are looked up row by row: for conditions that so many of
    their rows fulfil that no index on the row's own column would help. Raises
    ConfigurationError for what a policy cannot say, with the name of the field.
    """
    _forget_old_name(model)
    try:
        return _split(_crossing(condition, model), model, keys)
    except (FieldError, FieldDoesNotExist, LookupError, ValidationError) as error:
        raise _refused(model, condition, error) from error
    except (TypeError, ValueError) as error:
        # What fields raise for a value that is none of theirs.
        raise _refused(model, condition, error) from error


def _refused(model: type[Model], condition: Q, error: Exception) -> ConfigurationError:
    said = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    return ConfigurationError(f"{model._meta.label} has a wrong condition, {condition!r}: {said}")


def _forget_old_name(model: type[Model]) -> None:
    """A column keeps the name of its table, which a migration may have renamed since."""
    for field in model._meta.concrete_fields:
        column = field.__dict__.get("cached_col")
        if column is not None and column.alias != model._meta.db_table:
            del field.__dict__["cached_col"]


def _crossing(condition: Q, model: type[Model]) -> Q:
    """
    *condition* with ``document__id__isnull`` asking for the document.

    Django takes the foreign key for an answer, since where there is a key there is a row.
    But the asker may not see that row, and whoever writes this asks for it.
    """
    children = [
        _crossing(child, model) if isinstance(child, Q) else _crossing_leaf(child, model)
        for child in condition.children
    ]
    return Q.create(children, connector=condition.connector, negated=condition.negated)


def _crossing_leaf(child: Any, model: type[Model]) -> Any:
    if not isinstance(child, tuple) or not child[0].endswith(f"{LOOKUP_SEP}isnull"):
        return child
    lookup, is_null = child
    *path, name, _ = lookup.split(LOOKUP_SEP)
    relation = _relation(path, model)
    if relation is None:
        return child
    target = relation.target_field
    if name not in ("pk", target.name, target.attname) or (name == "pk" and not target.primary_key):
        return child
    reference = OuterRef(LOOKUP_SEP.join([*path[:-1], relation.attname]))
    there = Q(Exists(relation.related_model._meta.label, Q((target.attname, reference))))
    return ~there if is_null else there


def _relation(path: list[str], model: type[Model]) -> Any:
    """The foreign key that *path* ends with; None for another field, or a path to none."""
    field: Any = None
    for name in path:
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            return None
        if not field.is_relation or field.related_model is None:
            return None
        model = field.related_model
    return field if isinstance(field, ForeignKey) else None


def _split(condition: Q, model: type[Model], keys: bool) -> Condition:
    if condition.negated or condition.connector == Q.XOR:
        # Of a negation the parts do not say together what the whole says.
        return _whole(condition, model, keys)
    connector = condition.connector
    parts = tuple(
        _child(group[0], model, keys)
        if len(group) == 1
        else _whole(Q.create(group, connector=connector), model, keys)
        for group in _groups(condition, model)
    )
    if len(parts) == 1:
        return parts[0]
    return Some(parts) if connector == Q.OR else All(parts)


def _child(child: Any, model: type[Model], keys: bool) -> Condition:
    if isinstance(child, Q):
        return _split(child, model, keys)
    if isinstance(child, Exists) and keys:
        found = _keys_of_exists(child, model)
        if found is not None:
            return found
    return _whole(Q(child), model, keys)


def _groups(condition: Q, model: type[Model]) -> Iterator[list[Any]]:
    """
    The children of *condition* that have to be asked together, as in one filter() of Django's.

    Of several that are to hold, those that one joined row has to fulfil; and of any, those
    that share a table with a negation, for which Django looks at the rows that the others
    have joined. Simple ones of the same table are asked together all the same, since
    that is one subquery.
    """
    row = row_alias(model)
    groups: list[_Group] = []
    for child in condition.children:
        query = _query(Q(child), model)
        if condition.connector == Q.OR and _is_twisted(child) and _needs_row(query):
            # Beside others, the same negation would not need that row.
            yield condition.children
            return
        apart = isinstance(child, Q) and not any(map(_is_many, _joins(query)))
        joined = set() if apart or condition.connector == Q.OR else _joined(query, row)
        tables = set(tables_read(Local(query), row))
        group = _Group([child], joined, tables, _is_twisted(child))
        for other in [one for one in groups if one.belongs_with(group)]:
            groups.remove(other)
            group = other.with_(group)
        groups.append(group)
    for group in groups:
        yield group.children


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Children of a Q that are asked together."""

    children: list[Any]
    #: The tables that they are joined to at first, where that counts.
    joined: set[Any]
    #: The tables that they read, in negations too.
    tables: set[str]
    is_twisted: bool

    def belongs_with(self, other: "_Group") -> bool:
        twisted = self.is_twisted or other.is_twisted
        return bool(self.joined & other.joined or (twisted and self.tables & other.tables))

    def with_(self, other: "_Group") -> "_Group":
        return _Group(
            [*self.children, *other.children],
            self.joined | other.joined,
            self.tables | other.tables,
            self.is_twisted or other.is_twisted,
        )


def _is_twisted(child: Any) -> bool:
    """Whether *child* negates anything: XOR does, as Django writes it."""
    if not isinstance(child, Q):
        # When() keeps a Q as it was given.
        inside = [getattr(child, "condition", None)]
        if hasattr(child, "get_source_expressions"):
            inside += child.get_source_expressions()
        return any(_is_twisted(one) for one in inside if one is not None)
    return child.negated or child.connector == Q.XOR or any(map(_is_twisted, child.children))


def _joined(query: Query, row: str) -> set[Any]:
    return {(join.table_name, join.join_cols) for join in _firsts(query, row)}


def _whole(condition: Q, model: type[Model], keys: bool) -> Condition:
    query = _query(condition, model)
    row = row_alias(model)
    firsts = list(_firsts(query, row))
    if not firsts:
        return Local(query)
    [first, *others] = firsts
    if others or first.join_type != INNER:
        return Probe(query)
    looked_up = not keys or len(first.join_cols) > 1 or _is_parent_link(first)
    if looked_up or names_row([query.where], row):
        return Probe(query, first)
    [(column, selected)] = first.join_cols
    return Keys(query, column, first, selected)


def _query(condition: Q, model: type[Model]) -> Query:
    """Django's query for *condition*. Raises ConfigurationError for what no policy can say."""
    _refuse_querysets(condition, model)
    query = Query(model)
    query.get_initial_alias()
    query.add_q(condition)
    if query.where.contains_aggregate or query.where.contains_over_clause:
        raise ConfigurationError(
            f"A condition of {model._meta.label}, {condition!r}, is over several rows, but "
            "PostgreSQL decides row by row. Write it without aggregates and windows, or as "
            "Exists('app.Model', Q(...))."
        )
    for join in _joins(query):
        field = getattr(join.join_field, "field", join.join_field)
        if hasattr(field, "content_type_field_name"):
            raise ConfigurationError(
                f"A condition of {model._meta.label} crosses the GenericRelation {field.name!r}: "
                "the key of a content type differs from one database to the next. Write "
                "Exists('app.Model', Q(content_type__model=..., object_id=OuterRef('pk')))."
            )
    return query


def _refuse_querysets(condition: Q, model: type[Model]) -> None:
    for child in condition.children:
        if isinstance(child, Q):
            _refuse_querysets(child, model)
        elif isinstance(child, tuple) and isinstance(child[1], (QuerySet, Query)):
            raise ConfigurationError(
                f"A condition of {model._meta.label} compares {child[0]!r} with a queryset, which "
                "cannot stand in a migration. Write Exists('app.Model', Q(...))."
            )


def _joins(query: Query) -> Iterator[Any]:
    for alias, join in query.alias_map.items():
        if query.alias_refcount[alias] and isinstance(join, Join):
            yield join


def _needs_row(query: Query) -> bool:
    """Whether *query* leaves out rows that nothing is joined to."""
    return any(join.nullable and join.join_type == INNER for join in _joins(query))


def _firsts(query: Query, row: str) -> Iterator[Any]:
    """The joins that begin at the row itself."""
    return (join for join in _joins(query) if join.parent_alias == row)


def _is_many(join: Any) -> bool:
    """Whether a row may have several rows on the other side."""
    relation = join.join_field
    return isinstance(relation, ForeignObjectRel) and not relation.one_to_one


def _is_parent_link(join: Any) -> bool:
    """From a multi-table child to its parent: a key for each row, so an array helps nobody."""
    remote = getattr(join.join_field, "remote_field", None)
    return not isinstance(join.join_field, ForeignObjectRel) and bool(
        getattr(remote, "parent_link", False)
    )


def _keys_of_exists(exists: Any, model: type[Model]) -> Keys | None:
    """
    The keys for which *exists* holds, where it compares one column of the row and no more.

    Else None: then it is asked row by row.
    """
    condition = exists.condition
    if condition.negated or (condition.connector != Q.AND and len(condition.children) > 1):
        return None
    links = {index: one for index, one in enumerate(condition.children) if _is_link(one)}
    if len(links) != 1:
        return None
    [(place, (path, reference))] = links.items()
    column = _own_column(reference.name, model)
    path = path.removesuffix(f"{LOOKUP_SEP}exact")
    rest = [child for index, child in enumerate(condition.children) if index != place]
    if column is None or not rest or any(_begins_at(child, path) for child in rest):
        # Without more to ask, there are as many keys as rows.
        return None
    query = _query(Q(*rest), exists.related(model))
    if any(isinstance(node, ResolvedOuterRef) for node in walk([query.where])):
        return None
    query.clear_ordering(force=True)
    query.add_fields([path])
    return Keys(query, column)


def _is_link(child: Any) -> bool:
    """Whether *child* compares with one field of the row, and not with one behind a relation."""
    if not isinstance(child, tuple) or type(child[1]) is not OuterRef:
        return False
    reference: Any = child[1]
    return isinstance(reference.name, str) and LOOKUP_SEP not in reference.name


def _begins_at(child: Any, path: str) -> bool:
    """Whether *child* may go by the relation that *path* goes by; it has to be the same row."""
    if not isinstance(child, tuple):
        return True
    return bool(child[0].split(LOOKUP_SEP)[0] == path.split(LOOKUP_SEP)[0])


def _own_column(name: str, model: type[Model]) -> str | None:
    """The column of a field in the table of *model* itself."""
    field = model._meta.pk if name == "pk" else None
    for one in model._meta.local_concrete_fields:
        if name in (one.name, one.attname):
            field = one
    column = getattr(field, "column", None)
    return None if column is None else str(column)
