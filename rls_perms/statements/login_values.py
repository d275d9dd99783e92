"""What stands in for a subquery that the login has run already: its values."""

from dataclasses import dataclass

from psycopg import sql

#: The name of a type that is in no registry: a domain, an enum, an array.
TYPE_NAME = "SELECT pg_catalog.format_type(%s, NULL)"


@dataclass(frozen=True, slots=True)
class LoginColumn:
    """One column of the result: its values as PostgreSQL writes them."""

    name: str
    #: As format_type() writes it: keywords and quoted names, never a name from outside.
    type: str
    values: list[str | None]


def login_values(columns: list[LoginColumn]) -> str:
    """A query with a place for the list of values of each column."""
    # Lists of text, since unnest() would flatten an array of arrays.
    names = [sql.Identifier(f"v{number}") for number in range(len(columns))]
    made = sql.SQL("SELECT {} FROM unnest({}) AS login_values ({})").format(
        sql.SQL(", ").join(
            sql.SQL("{}::{} AS {}").format(
                name, sql.SQL(_doubled(column.type)), sql.Identifier(_doubled(column.name))
            )
            for name, column in zip(names, columns, strict=True)
        ),
        sql.SQL(", ").join(sql.SQL("%s::text[]") for _ in columns),
        sql.SQL(", ").join(names),
    )
    return made.as_string(None)


def _doubled(name: str) -> str:
    """*name* in a text in which the driver looks for places."""
    return name.replace("%", "%%")
