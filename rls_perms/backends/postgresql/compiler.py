"""
Run statements on the framework's tables alone as the login, whatever the context.

In a statement that mixes them with others, a subquery of its own on framework tables runs
first, as the login, and its values take its place. Columns that the role may not read are
deferred.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.postgresql import compiler as django
from django.db.models.lookups import StartsWith
from django.db.models.sql.constants import CURSOR, GET_ITERATOR_CHUNK_SIZE, MULTI

from rls_perms import strict
from rls_perms.backends.postgresql import hints, passed_over
from rls_perms.backends.postgresql.columns import readable
from rls_perms.context import current
from rls_perms.framework import framework_tables
from rls_perms.statements.login_values import TYPE_NAME, LoginColumn, login_values
from rls_perms.tenants import filtered, filtered_joins


@dataclass(slots=True)
class _Statement:
    """A statement that is being compiled: the tables that it and its subqueries name."""

    tables: set[str] = field(default_factory=set)
    #: Whether it is compiled for a session role, since it names other tables too.
    mixed: bool = False
    depth: int = 0

    @property
    def framework_alone(self) -> bool:
        return bool(self.tables) and self.tables <= framework_tables().names

    @property
    def is_mixed(self) -> bool:
        return not self.framework_alone and bool(self.tables & framework_tables().names)


class _FrameworkMixin:
    """Looks at what a statement names before it is run."""

    connection: Any
    query: Any

    def execute_sql(
        self,
        result_type: Any = MULTI,
        chunked_fetch: bool = False,
        chunk_size: int = GET_ITERATOR_CHUNK_SIZE,
    ) -> Any:
        return self._run(
            lambda: super(_FrameworkMixin, self).execute_sql(  # type: ignore[misc]
                result_type, chunked_fetch=chunked_fetch, chunk_size=chunk_size
            )
        )

    def _run(self, execute: Any) -> Any:
        # As _executing() does, but faster: every statement of the ORM comes by.
        connection = self.connection
        before = connection.compiling, connection.as_login, connection.running
        routed = current.get() is not None and connection.is_ours
        if not routed and connection.is_strict:
            self._refuse_without_context()
        connection.compiling, connection.as_login = _Statement() if routed else None, False
        connection.running = self
        try:
            return execute()
        finally:
            connection.compiling, connection.as_login, connection.running = before

    def _refuse_without_context(self) -> None:
        """
        Raise NoContext if the statement is for a protected model.

        Of what else it names the cursor knows once it is written; but some are never sent,
        such as one for an empty list of keys, and are as wrong.
        """
        query = self.query
        if query.model is not None and not query.is_empty():
            model = strict.strict_models().get(query.get_meta().db_table)
            if model is not None:
                raise strict.without_context(model, self.connection.alias, self.action)

    #: What a user needs the permission for; Django's word.
    action = "view"

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        statement = self.connection.compiling
        if statement is None:
            return super().as_sql(*args, **kwargs)  # type: ignore[misc]
        if statement.depth:
            return self._subquery(statement, args, kwargs)
        return self._whole(statement, args, kwargs)

    def _whole(self, statement: _Statement, args: Any, kwargs: Any) -> Any:
        """
        Compile once to see the tables, and again for a session role if they are mixed.

        Where the first table says it already, once is enough, and what a project's fields
        do while an INSERT is compiled is done once.
        """
        statement.mixed = self._begins_outside()
        try:
            compiled = self._counted(statement, args, kwargs)
            if not statement.mixed and statement.is_mixed:
                statement.mixed = True
                compiled = self._counted(statement, args, kwargs)
        finally:
            # Somebody who prints a query while this one runs does not mean this one.
            self.connection.compiling = None
        self.connection.as_login = statement.framework_alone
        return self._hinted(statement, compiled)

    def _hinted(self, statement: _Statement, compiled: Any) -> Any:
        return compiled

    def compile(self, node: Any) -> Any:
        if self.connection.compiling is not None and isinstance(node, StartsWith):
            found = hints.starts_with(node, self, self.connection)
            if found is not None:
                return found
        return super().compile(node)  # type: ignore[misc]

    def _begins_outside(self) -> bool:
        """Whether the statement certainly names a table that is not the framework's."""
        tables = self._base_tables()
        if not tables and self.query.model is not None and not self.query.combinator:
            alias_map = self.query.alias_map
            base = next(iter(alias_map), None)
            if base is None:
                tables = {self.query.get_meta().db_table} if self._has_from else set()
            elif self.query.alias_refcount[base]:
                tables = {alias_map[base].table_name}
        return bool(tables - framework_tables().names)

    #: Whether a query without an alias yet is going to begin at its model's table.
    _has_from = True

    def _counted(self, statement: _Statement, args: Any, kwargs: Any) -> Any:
        statement.depth += 1
        try:
            statement.tables |= self._base_tables()
            if not self._names_rows:
                return super().as_sql(*args, **kwargs)  # type: ignore[misc]
            with filtered(self.query):
                return super().as_sql(*args, **kwargs)  # type: ignore[misc]
        finally:
            statement.depth -= 1

    def _subquery(self, statement: _Statement, args: Any, kwargs: Any) -> Any:
        if not statement.mixed:
            return self._counted(statement, args, kwargs)
        own = _Statement(depth=1, mixed=False)
        self.connection.compiling = own
        try:
            compiled = self._counted(own, args, kwargs)
            if own.framework_alone and not _is_correlated(self.query):
                return self._values(*compiled)
            if not own.is_mixed and not own.framework_alone:
                return compiled
            own = _Statement(depth=1, mixed=True)
            self.connection.compiling = own
            return self._counted(own, args, kwargs)
        finally:
            self.connection.compiling = statement

    #: Whether it has a WHERE of its own.
    _names_rows = True

    def _base_tables(self) -> set[str]:
        """The table that a statement writes; SELECT tells its own with its FROM."""
        return set()

    def get_from_clause(self) -> Any:
        # Called when all joins are known: select_related() adds some while it is compiled.
        statement, query = self.connection.compiling, self.query
        if statement is not None:
            statement.tables |= {
                join.table_name
                for alias, join in query.alias_map.items()
                if query.alias_refcount[alias]
            }
            statement.tables.update(query.extra_tables)
            with filtered_joins(query):
                return super().get_from_clause()  # type: ignore[misc]
        return super().get_from_clause()  # type: ignore[misc]

    def _values(self, text: str, params: Any) -> tuple[str, tuple[Any, ...]]:
        """Run a subquery as the login and write its values where it stood."""
        with _executing(self.connection, None), self.connection.cursor() as cursor:
            self.connection.as_login = True
            cursor.execute(text, params)
            # As PostgreSQL wrote them: a round trip through Python could change a value.
            columns = [
                LoginColumn(column.name, self._type_name(column.type_code), values)
                for column, values in zip(cursor.description, _texts(cursor.pgresult), strict=True)
            ]
        return login_values(columns), tuple(column.values for column in columns)

    def _type_name(self, oid: int) -> str:
        known = self.connection.Database.adapters.types.get(oid)
        if known is not None and known.oid == oid:
            return str(known.regtype)
        with self.connection.cursor() as cursor:
            cursor.execute(TYPE_NAME, [oid])
            return str(cursor.fetchone()[0])

    def get_default_columns(self, select_mask: Any, *args: Any, **kwargs: Any) -> Any:
        columns = super().get_default_columns(select_mask, *args, **kwargs)  # type: ignore[misc]
        statement = self.connection.compiling
        if statement is None:
            return columns
        _, is_defer = self.query.deferred_loading
        if select_mask and not is_defer:
            # only() names them: PostgreSQL denies what was asked for, rather than we forget it.
            return columns
        if not statement.mixed:
            return readable(columns, self.connection)
        of_framework = framework_tables().readable
        left = [
            column
            for column in columns
            if column.target.column
            in of_framework.get(column.target.model._meta.db_table, {column.target.column})
        ]
        return readable(left, self.connection)


def _texts(result: Any) -> list[list[str | None]]:
    """The values of a result in text form, column by column."""
    return [
        [
            None if (value := result.get_value(row, column)) is None else value.decode()
            for row in range(result.ntuples)
        ]
        for column in range(result.nfields)
    ]


def _is_correlated(query: Any) -> bool:
    """Whether *query* names columns of the query that it stands in."""
    return bool(query.get_external_cols()) or any(map(_is_correlated, query.combined_queries))


@contextmanager
def _executing(connection: Any, statement: _Statement | None) -> Iterator[None]:
    """Each statement decides for itself, those that run while another is compiled too."""
    before = connection.compiling, connection.as_login
    connection.compiling, connection.as_login = statement, False
    try:
        yield
    finally:
        connection.compiling, connection.as_login = before


class SQLCompiler(_FrameworkMixin, django.SQLCompiler):
    """SELECT."""

    def _hinted(self, statement: _Statement, compiled: Any) -> Any:
        hint = hints.hint(statement.tables, self.query, self.connection)
        if not hint:
            return compiled
        text, params = compiled
        return f"{text} {hint}", params

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        if not self.query.select_for_update:
            return super().execute_sql(*args, **kwargs)
        self.action = "change"
        return passed_over.locking(
            self, lambda: super(SQLCompiler, self).execute_sql(*args, **kwargs)
        )


class SQLInsertCompiler(_FrameworkMixin, django.SQLInsertCompiler):
    """INSERT: its text is a list of statements, on one table each."""

    action = "add"
    _names_rows = False

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(lambda: django.SQLInsertCompiler.execute_sql(self, *args, **kwargs))

    def _base_tables(self) -> set[str]:
        return {self.query.get_meta().db_table}


class SQLDeleteCompiler(_FrameworkMixin, django.SQLDeleteCompiler):
    """DELETE."""

    action = "delete"

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        execute = super().execute_sql
        return passed_over.deleting(self, lambda: execute(*args, **kwargs))

    def _base_tables(self) -> set[str]:
        return {self.query.get_meta().db_table}


class SQLUpdateCompiler(_FrameworkMixin, django.SQLUpdateCompiler):
    """UPDATE."""

    action = "change"
    #: Whether it answers the keys of the rows that it changed.
    _returns_keys = False

    def execute_sql(self, result_type: Any) -> Any:  # type: ignore[override]
        return passed_over.updating(
            self,
            lambda: self._run(lambda: django.SQLUpdateCompiler.execute_sql(self, result_type)),
            lambda: self._run(lambda: self._changed(result_type)),
        )

    def _changed(self, result_type: Any) -> Any:
        """Execute as Django does, and return the keys of the rows that were changed."""
        self._returns_keys = True
        try:
            cursor = django.SQLCompiler.execute_sql(self, CURSOR)
        finally:
            self._returns_keys = False
        changed = set()
        if cursor is not None:
            with cursor:
                changed = passed_over.key_rows(self, cursor.fetchall())
        for query in self.query.get_related_updates():
            query.get_compiler(self.using).execute_sql(result_type)
        return changed

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        text, params = super().as_sql(*args, **kwargs)
        if not self._returns_keys or not text:
            return text, params
        operations = self.connection.ops
        # Named anew in Django 6.0.
        returning = getattr(operations, "returning_columns", None)
        written, _ = (returning or operations.return_insert_columns)(
            self.query.get_meta().pk_fields
        )
        return f"{text} {written}", params

    def execute_returning_sql(self, returning_fields: Any) -> Any:
        # From Django 6.0 on: an UPDATE that reads back, which does not go by execute_sql().
        return self._run(
            lambda: django.SQLUpdateCompiler.execute_returning_sql(self, returning_fields)
        )

    def _base_tables(self) -> set[str]:
        return {self.query.get_meta().db_table}


class SQLAggregateCompiler(_FrameworkMixin, django.SQLAggregateCompiler):
    """Aggregates over a subquery."""

    _has_from = False
    _names_rows = False
