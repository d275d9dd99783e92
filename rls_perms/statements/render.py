"""Put names, values and keywords into a template: three things, never mixed up."""

from collections.abc import Iterable

from psycopg import sql

from rls_perms import templates


def template(name: str, /, **parts: sql.Composable) -> sql.Composed:
    """The template *name* with its placeholders filled."""
    # Templates are files of the library, so their text is as literal as any in this code.
    return sql.SQL(templates.read(name)).format(**parts)


def text(statement: sql.Composable) -> str:
    """The statement as text; renders without a connection."""
    return statement.as_string(None)


def joined(parts: Iterable[sql.Composable], separator: str = ", ") -> sql.Composed:
    return sql.SQL(separator).join(list(parts))


def literals(values: Iterable[str]) -> sql.Composed:
    return joined(sql.Literal(value) for value in values)


def identifiers(names: Iterable[str]) -> sql.Composed:
    return joined(sql.Identifier(name) for name in names)


def qualified(schema: str, name: str) -> sql.Identifier:
    """The identifier of *name*, with its schema if it is said."""
    return sql.Identifier(schema, name) if schema else sql.Identifier(name)


def regclass(schema: str, name: str) -> sql.Composed:
    """A table as a value that follows it when it is renamed."""
    return sql.SQL("{}::pg_catalog.regclass").format(sql.Literal(text(qualified(schema, name))))
