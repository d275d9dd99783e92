"""Turn a Q into the text of a policy's condition, and tell what it reads."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet, FieldDoesNotExist, FullResultSet
from django.db.models import BooleanField, Expression, ForeignKey, Model, Q
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Col
from django.db.models.sql import Query

from rls_perms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

TRUE = "true"
FALSE = "false"


def condition_sql(condition: Q, model: type[Model], connection: "BaseDatabaseWrapper") -> str:
    """
    *condition* over the columns of *model* as SQL text, its values rendered by the driver.

    Raises ConfigurationError for what a policy cannot say.
    """
    query = Query(model, alias_cols=False)
    try:
        where = query.build_where(_without_joins(condition, model))
        sql, params = where.as_sql(query.get_compiler(connection=connection), connection)
    except FullResultSet:
        return TRUE
    except EmptyResultSet:
        return FALSE
    if not sql:
        return TRUE
    return str(connection.ops.compose_sql(sql, params))  # type: ignore[attr-defined]


def tables_read(condition: Q, model: type[Model]) -> dict[str, set[str]]:
    """The other tables that *condition* reads, each with the columns that it mentions."""
    read: dict[str, set[str]] = {}
    for related in _related_conditions(_without_joins(condition, model)):
        query = related.query()
        for column in query._gen_cols([query.where, *query.select]):  # type: ignore[attr-defined]
            table = query.alias_map[column.alias].table_name
            read.setdefault(table, set()).add(column.target.column)
        for join in query.alias_map.values():
            read.setdefault(join.table_name, set())
            for _, column_name in getattr(join, "join_cols", ()):
                read[join.table_name].add(column_name)
            for name, _ in getattr(join, "join_cols", ()):
                parent = query.alias_map[join.parent_alias].table_name
                read.setdefault(parent, set()).add(name)
    return read


class RelatedCondition(Expression):
    """
    A condition on the row that a foreign key points to.

    The keys that fulfil it are an array computed once a statement, so that the index on
    the foreign key is used. Under a negation NULL has to become false, as in Django.
    """

    conditional = True

    def __init__(self, relation: "ForeignKey[Any, Any]", inner: Q, *, negated: bool) -> None:
        super().__init__(output_field=BooleanField())
        self.relation = relation
        self.inner = inner
        self.negated = negated

    def query(self) -> Query:
        related = self.relation.remote_field.model
        query = Query(related)
        query.add_q(self.inner)
        query.clear_ordering(force=True)
        query.add_fields([self.relation.target_field.attname])
        return query

    def resolve_expression(self, *args: Any, **kwargs: Any) -> "RelatedCondition":
        return self

    def as_sql(
        self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper"
    ) -> tuple[str, tuple[Any, ...]]:
        sql, params = self.query().get_compiler(connection=connection).as_sql()
        column = connection.ops.quote_name(self.relation.column)
        text = f"{column} = ANY (ARRAY({sql}))"
        return (f"({text}) IS TRUE" if self.negated else text), tuple(params)


def _without_joins(condition: Q, model: type[Model], *, negated: bool = False) -> Q:
    """*condition* with each lookup across a foreign key replaced by a RelatedCondition."""
    negated = negated or condition.negated
    children = [_leaf(child, model, negated=negated) for child in condition.children]
    return Q.create(children, connector=condition.connector, negated=condition.negated)


def _leaf(child: Any, model: type[Model], *, negated: bool) -> Any:
    if isinstance(child, Q):
        return _without_joins(child, model, negated=negated)
    if not isinstance(child, tuple):
        return child
    lookup, value = child
    name, *rest = lookup.split(LOOKUP_SEP)
    if not rest:
        return child
    try:
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        return child
    if not field.is_relation or _is_lookup(field, rest[0]):
        return child
    if not isinstance(field, ForeignKey):
        raise ConfigurationError(
            f"A policy of {model._meta.label} asks for {lookup!r}, but {name!r} is no foreign "
            "key of it. Conditions can cross foreign keys and one-to-one fields of the model; "
            "write a condition on one of those."
        )
    if [*rest[:1]] in (["pk"], [field.target_field.name]) and len(rest) == 1:
        return (name, value)
    if hasattr(value, "resolve_expression") and _names_columns(value):
        raise ConfigurationError(
            f"A policy of {model._meta.label} compares {lookup!r} with {value!r}, a column of "
            "the row itself. Compare it with a value, CurrentUser() or CurrentTenant()."
        )
    if rest[-1] == "isnull" and value:
        # NULL on the way counts as NULL: ask for the rows where it is not, and negate.
        known = RelatedCondition(field, Q((LOOKUP_SEP.join(rest), False)), negated=True)
        return ~Q(known)
    return RelatedCondition(field, Q((LOOKUP_SEP.join(rest), value)), negated=negated)


def _is_lookup(field: Any, name: str) -> bool:
    return field.get_transform(name) is not None or field.get_lookup(name) is not None


def _names_columns(value: Any) -> bool:
    return any(
        type(part).__name__ in {"F", "OuterRef"} or isinstance(part, Col)
        for part in (value.flatten() if hasattr(value, "flatten") else [value])
    )


def _related_conditions(condition: Q) -> Iterator[RelatedCondition]:
    for child in condition.children:
        if isinstance(child, Q):
            yield from _related_conditions(child)
        elif isinstance(child, RelatedCondition):
            yield child
