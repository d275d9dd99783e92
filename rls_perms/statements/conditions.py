"""The text of a condition, its values rendered by the driver, and the functions it calls."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models import Model
from django.db.models.expressions import RawSQL
from django.db.models.sql.constants import LOUTER
from django.db.models.sql.datastructures import Join
from django.utils import timezone
from psycopg import ProgrammingError, sql

from rls_perms.conditions.parts import All, Condition, Keys, Leaf, Local, Probe, Some, row_alias
from rls_perms.conditions.reads import queries, row_columns, walk
from rls_perms.exceptions import ConfigurationError
from rls_perms.identifiers import SCHEMA, shortened
from rls_perms.statements.render import joined, template
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Table, conjunction, disjunction

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: Whether a part of a condition reads other tables as their owner.
AsOwner = Callable[[Leaf], bool]

TRUE = "true"
FALSE = "false"

#: What the row of a policy is called where its columns are given one by one.
POLICY_ROW = "policy_row"


@dataclass(frozen=True, slots=True)
class Reader:
    """A function that a policy calls to read other tables, as the owner where it is trusted."""

    name: str
    #: The types of its arguments, as PostgreSQL says them.
    arguments: tuple[str, ...]
    sql: str


@dataclass(slots=True)
class Text:
    """
    Writes conditions on rows of one table.

    The functions that trusted ones need are collected in *readers*.
    """

    model: type[Model]
    table: Table
    connection: "BaseDatabaseWrapper"
    readers: dict[str, Reader] = field(default_factory=dict)

    def of(self, condition: Condition, as_owner: AsOwner) -> str:
        """The text of *condition*; the parts that *as_owner* names read as the owner."""
        # What a lookup of days or hours means must not follow from who runs migrate.
        with timezone.override(None):
            return self._of(condition, as_owner)

    def _of(self, condition: Condition, as_owner: AsOwner) -> str:
        match condition:
            case All():
                parts = [self._of(part, as_owner) for part in condition.parts]
                return FALSE if FALSE in parts else conjunction(*parts)
            case Some():
                parts = [self._of(part, as_owner) for part in condition.parts]
                kept = [part for part in parts if part != FALSE]
                return TRUE if TRUE in parts else disjunction(*kept) if kept else FALSE
            case _:
                try:
                    return self._leaf(condition, as_owner(condition))
                except FullResultSet:
                    return TRUE
                except EmptyResultSet:
                    return FALSE

    def _leaf(self, leaf: Leaf, trusted: bool) -> str:
        if isinstance(leaf, Keys):
            select = self._keys(leaf)
            if trusted:
                select = self._reading_keys(leaf, select)
            return as_text(
                sql.SQL("{} = ANY (ARRAY({}))").format(self._column(leaf.column), select)
            )
        if trusted and (isinstance(leaf, Probe) or _reads_more(leaf)):
            return self._reading_row(leaf)
        if isinstance(leaf, Local):
            return self._where(leaf.query)
        return as_text(self._probe(leaf))

    # Fragments

    def _compiled(self, node: Any, query: Any) -> str:
        compiler = query.get_compiler(connection=self.connection)
        text, params = compiler.compile(node)
        return self._composed(text, params)

    def _composed(self, text: str, params: Any) -> str:
        return str(self.connection.ops.compose_sql(text, tuple(params)))  # type: ignore[attr-defined]

    def _where(self, query: Any) -> str:
        return self._compiled(query.where, query) if query.where else TRUE

    def _column(self, name: str) -> sql.SQL:
        """A column of the row."""
        quote = self.connection.ops.quote_name
        return sql.SQL(f"{quote(row_alias(self.model))}.{quote(name)}")

    def _joined_column(self, join: Any, name: str, query: Any) -> sql.SQL:
        alias = self._quoted(query)(join.table_alias)
        return sql.SQL(f"{alias}.{self.connection.ops.quote_name(name)}")

    def _quoted(self, query: Any) -> Callable[[str], str]:
        """How this version of Django writes aliases."""
        compiler: Any = query.get_compiler(connection=self.connection)
        if hasattr(compiler, "quote_name"):
            return compiler.quote_name  # type: ignore[no-any-return]
        # Before Django 6.1, which quotes all of them.
        return compiler.quote_name_unless_alias  # type: ignore[no-any-return]

    def _joins(self, query: Any, but: Any = None) -> sql.Composed:
        return sql.Composed(
            [
                sql.SQL(" " + self._compiled(join, query))
                for alias, join in query.alias_map.items()
                if query.alias_refcount[alias] and join is not but and isinstance(join, Join)
            ]
        )

    def _table(self, join: Any, query: Any) -> sql.SQL:
        name = self.connection.ops.quote_name(join.table_name)
        if join.table_alias == join.table_name:
            return sql.SQL(name)
        return sql.SQL(f"{name} {self._quoted(query)(join.table_alias)}")

    def _keys(self, leaf: Keys) -> sql.Composable:
        query, first = leaf.query, leaf.first
        if first is None:
            compiler = query.get_compiler(connection=self.connection)
            return sql.SQL(self._composed(*compiler.as_sql()))
        return sql.SQL("SELECT {} FROM {}{}{}").format(
            self._joined_column(first, leaf.selected, query),
            self._table(first, query),
            self._joins(query, first),
            self._clause(self._where_or_true(query)),
        )

    def _where_or_true(self, query: Any) -> str:
        try:
            return self._where(query)
        except FullResultSet:
            return TRUE

    @staticmethod
    def _clause(where: str) -> sql.Composed:
        return sql.Composed([] if where == TRUE else [sql.SQL(" WHERE "), sql.SQL(where)])

    def _probe(self, leaf: Probe) -> sql.Composed:
        query, first = leaf.query, leaf.first
        if first is None or any(join.join_type == LOUTER for join in query.alias_map.values()):
            row = row_alias(self.model)
            return self._row_probe(query, map(self._column, row_columns(query, row)))
        link = [
            as_text(
                sql.SQL("{} = {}").format(
                    self._column(mine), self._joined_column(first, theirs, query)
                )
            )
            for mine, theirs in first.join_cols
        ]
        return sql.SQL("EXISTS (SELECT 1 FROM {}{}{})").format(
            self._table(first, query),
            self._joins(query, first),
            self._clause(conjunction(*link, self._where_or_true(query))),
        )

    def _row_probe(self, query: Any, values: Iterable[sql.Composable]) -> sql.Composed:
        """
        Whether *query* finds the row that has *values* in the columns that it names.

        OFFSET 0 keeps them from being constants to the planner: PostgreSQL 18.6 then joins
        the rows of a second LEFT JOIN that the first has found none for.
        """
        row = row_alias(self.model)
        query, columns = query.clone(), row_columns(query, row)
        # All of them: a join keeps the name of the table that it begins at, else.
        others = [alias for alias in query.alias_map if alias != row]
        names: dict[str | None, str] = {
            alias: f"{POLICY_ROW}_{place}" for place, alias in enumerate(others, start=1)
        }
        query.change_aliases({**names, row: POLICY_ROW})
        given = [
            sql.SQL("{} AS {}").format(value, sql.Identifier(column))
            for column, value in zip(columns, values, strict=True)
        ]
        return sql.SQL("EXISTS (SELECT 1 FROM (SELECT {} OFFSET 0) AS {}{}{})").format(
            joined(given),
            sql.Identifier(POLICY_ROW),
            self._joins(query),
            self._clause(self._where_or_true(query)),
        )

    # Functions that read as the owner

    def _reading_keys(self, leaf: Keys, select: sql.Composable) -> sql.Composed:
        key_type = sql.SQL(self._type(leaf.column))
        name = self._remember("keys_reader", (), select, key_type=key_type)
        return sql.SQL("SELECT {}()").format(name)

    def _reading_row(self, leaf: Local | Probe) -> str:
        if any(isinstance(node, RawSQL) for node in walk([leaf.query.where])):
            raise ConfigurationError(
                f"A trusted policy of {self.model._meta.label} has RawSQL, whose columns would be "
                "those of the function that reads for it. Write the condition with Q and Exists, "
                "or leave trusted=True out."
            )
        columns = row_columns(leaf.query, row_alias(self.model))
        places = [sql.SQL(f"${place}") for place in range(1, len(columns) + 1)]
        body = sql.SQL("SELECT {}").format(self._row_probe(leaf.query, places))
        name = self._remember("row_reader", tuple(map(self._type, columns)), body)
        return as_text(sql.SQL("{}({})").format(name, joined(map(self._column, columns))))

    def _remember(
        self,
        kind: str,
        arguments: tuple[str, ...],
        select: sql.Composable,
        **parts: sql.Composable,
    ) -> sql.Identifier:
        # Named by what it does, so that two conditions that ask the same share it.
        whole = "\n".join((kind, self.table.schema, self.table.name, *arguments, as_text(select)))
        name = shortened(f"read_{self.table.name}", distinct=whole)
        function = sql.Identifier(SCHEMA, name)
        made = template(
            kind,
            function=function,
            arguments=joined(map(sql.SQL, arguments)),
            select=select,
            **parts,
        )
        self.readers[name] = Reader(name, arguments, as_text(made))
        return function

    def _type(self, column: str) -> str:
        """The type of a column as PostgreSQL says it, without a length that would cut a value."""
        [found] = [one for one in self.model._meta.concrete_fields if one.column == column]
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT %s::pg_catalog.regtype::text", [str(found.db_type(self.connection))]
            )
            return str(cursor.fetchone()[0])


class Draft(Text):
    """As Text, without asking a database: it finds what cannot be written, and is thrown away."""

    __slots__ = ()

    def _composed(self, text: str, params: Any) -> str:
        for value in params:
            # What only a connection can adapt, as a geometry, is for migrate to refuse.
            with suppress(ProgrammingError):
                as_text(sql.Composed([sql.Literal(value)]))
        return text

    def _type(self, column: str) -> str:
        return column


def _reads_more(leaf: Local) -> bool:
    """Whether there is more in *leaf* than the row."""
    nodes = list(walk([leaf.query.where]))
    return any(queries(nodes)) or any(isinstance(node, RawSQL) for node in nodes)


def readers_sql(readers: Iterable[Reader]) -> list[sql.Composed]:
    """What makes *readers*, in a stable order."""
    made = sorted(readers, key=lambda one: one.name)
    return [sql.Composed([sql.SQL(one.sql)]) for one in made]
