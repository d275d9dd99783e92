"""
The forms in which a policy compares a row with what the asker is granted.

All say the same of every row. An array of all keys serves most models. Where some users hold
thousands of grants, policies have all forms, and PostgreSQL keeps one when it plans: by how many
rows are granted, and by what the statement says of itself (docs/performance.md measures them).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from rls_perms.identifiers import SCHEMA, shortened
from rls_perms.keywords import Command
from rls_perms.statements.conditions import Reader
from rls_perms.statements.render import joined, template
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Table

#: Up to so many grants, an array of all of them is made for each statement.
FEW = 2_000
#: From so many on, a page is full before looking up row by row costs what a hash table costs.
SOME = 20_000

#: What a statement says of itself, by comments. PLAIN: it has filters, and PostgreSQL may ask all
#: of them before a policy, so that it knows of how many rows the policy will be asked. NARROW:
#: that, and they leave few rows. PAGE: it ends when it has some rows, in an order.
PLAIN = "/* rls_perms: plain */"
NARROW = "/* rls_perms: narrow */"
PAGE = "/* rls_perms: page */"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a policy compares the key of a row with."""

    table: Table
    key: str
    command: Command
    #: Whether the form is chosen for each statement; else it is an array of all keys.
    many: bool = False
    #: Whether the collation of the column has texts equal that differ.
    exactly: bool = False
    #: Whether an index finds a grant by the key of its row.
    by_index: bool = True
    is_text: bool = False


def keys_function(table: Table, command: Command) -> str:
    """The name of the function that policies of *command* call, in the schema of the library."""
    return _named(f"granted_{command.action}_{table.name}", table)


def keys_reader(table: Table, command: Command, key_kind: str, views: Iterable[str]) -> Reader:
    """The function that tells the granted keys, from the *views* of one command."""
    name = keys_function(table, command)
    made = template(
        "granted_keys",
        function=sql.Identifier(SCHEMA, name),
        type=sql.SQL(key_kind),
        keys=joined(
            (
                sql.SQL("SELECT object_id, object_text FROM {}").format(
                    sql.Identifier(SCHEMA, view)
                )
                for view in views
            ),
            "\n    UNION ALL ",
        ),
    )
    return Reader(name, (), as_text(made))


def form_function(table: Table) -> str:
    """The name of the function that chooses, in the schema of the library."""
    return _named(f"grants_of_{table.name}", table)


def form_reader(table: Table, commands: Iterable[Command]) -> Reader:
    """The function that chooses, for each of *commands*."""
    name = form_function(table)
    made = template(
        "grant_form",
        function=sql.Identifier(SCHEMA, name),
        by_action=joined(
            (
                template(
                    "grant_form_of",
                    action=sql.Literal(command.action),
                    keys=_keys(table, command),
                    few=sql.Literal(FEW),
                    some=sql.Literal(SOME),
                    plain=sql.Literal(PLAIN),
                    narrow=sql.Literal(NARROW),
                    page=sql.Literal(PAGE),
                )
                for command in commands
            ),
            "\n    ",
        ),
    )
    return Reader(name, ("text",), as_text(made))


def is_granted(granted: Granted) -> str:
    """Whether the key of a row is among the granted, in whichever form is chosen."""
    # By the table's name: the function has columns of its own, as a table may.
    key = sql.Identifier(granted.table.name, granted.key)
    exact = sql.SQL('{}::text COLLATE "C"').format(key)
    source = _keys(granted.table, granted.command)
    keys = sql.SQL("SELECT object_id FROM {}").format(source)
    listed = _listed(key, keys)
    if granted.exactly:
        # has_perm() compares texts byte by byte; the first of the two is for the index.
        listed = sql.SQL("({} AND {})").format(listed, _listed(exact, keys))
    if not granted.many:
        return as_text(listed)
    hashed = sql.SQL("{} IN ({})").format(exact if granted.exactly else key, keys)
    by_key = sql.SQL("granted.object_id = {}").format(key)
    either = hashed if granted.exactly else _found(source, by_key)
    probed = either
    if granted.by_index and not granted.exactly:
        # By the text, too: guardian's own index has that. With OFFSET, PostgreSQL considers no
        # hash table.
        by_text = sql.SQL("granted.object_text = {}::text OFFSET 0").format(key)
        probed = _found(source, by_text if granted.is_text else joined([by_key, by_text], " AND "))
    return as_text(
        template(
            "granted",
            function=sql.Identifier(SCHEMA, form_function(granted.table)),
            action=sql.Literal(granted.command.action),
            listed=listed,
            either=either,
            probed=probed,
            hashed=hashed,
        )
    )


def _named(name: str, table: Table) -> str:
    return shortened(name, distinct=f"{table.schema}.{name}" if table.schema else None)


def _keys(table: Table, command: Command) -> sql.Composed:
    return sql.SQL("{}()").format(sql.Identifier(SCHEMA, keys_function(table, command)))


def _listed(key: sql.Composable, keys: sql.Composable) -> sql.Composed:
    return sql.SQL("{} = ANY (ARRAY({}))").format(key, keys)


def _found(source: sql.Composable, condition: sql.Composable) -> sql.Composed:
    return sql.SQL("EXISTS (SELECT FROM {} AS granted WHERE {})").format(source, condition)
