"""What tries every command on every row as somebody, and undoes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from rls_perms.keywords import Command
from rls_perms.statements.render import joined, text
from rls_perms.statements.row_security import Table

#: Of the temporary table of rows: a number for each.
NUMBER = sql.Identifier("rls_perms_number")
_ROWS = sql.Identifier("pg_temp", "rls_perms_rows")

# Everybody may read it: it is there in this transaction only, for this session only.
_NUMBERED = """
CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS
SELECT row_number() OVER () AS {number}, tried.* FROM {table} AS tried;
GRANT SELECT ON {rows} TO PUBLIC;
"""

# A row makes room for itself before it is inserted again, with its key and its unique values.
_TAKE = """
CREATE FUNCTION pg_temp.rls_perms_take(number bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
AS $function$
BEGIN
    DELETE FROM {table} AS one USING {rows} AS tried WHERE {same} AND tried.{number} = $1;
END
$function$;
"""

# One row after the other in a message, each undone: SQLSTATE RP100 is what undoes it.
_TRY = """
CREATE FUNCTION pg_temp.rls_perms_try(statement text, take boolean) RETURNS SETOF bigint
LANGUAGE plpgsql
AS $function$
DECLARE
    one bigint;
    touched bigint;
BEGIN
    FOR one IN SELECT {number} FROM {rows} LOOP
        BEGIN
            IF take THEN
                PERFORM pg_temp.rls_perms_take(one);
            END IF;
            EXECUTE statement USING one;
            GET DIAGNOSTICS touched = ROW_COUNT;
            RAISE SQLSTATE 'RP100';
        EXCEPTION
            WHEN SQLSTATE 'RP100' THEN
                IF touched > 0 THEN
                    RETURN NEXT one;
                END IF;
            WHEN insufficient_privilege THEN
                NULL;
        END;
    END LOOP;
END
$function$;
"""

_EACH = "SELECT %s, tried.* FROM pg_temp.rls_perms_try(%s, %s) AS tried"
DEFER = "SET CONSTRAINTS ALL DEFERRED"


@dataclass(frozen=True, slots=True)
class Trials:
    """The statements that are tried on one table."""

    table: Table
    keys: tuple[str, ...]
    #: What an INSERT gives values to.
    columns: tuple[str, ...]
    #: What Django's INSERT returns.
    returned: tuple[str, ...]
    #: What an UPDATE sets.
    updated: str

    @property
    def prepare(self) -> str:
        """Number the rows, and make the functions that try one after the other."""
        parts = {
            "table": self.table.identifier(),
            "rows": _ROWS,
            "name": sql.Identifier("rls_perms_rows"),
            "number": NUMBER,
            "same": self._same(),
        }
        return text(
            sql.Composed([sql.SQL(one).format(**parts) for one in (_NUMBERED, _TAKE, _TRY)])
        )

    @property
    def numbered(self) -> str:
        """Each number with its key."""
        columns = (sql.Identifier("tried", one) for one in self.keys)
        return text(
            sql.SQL("SELECT tried.{}, {} FROM {} AS tried").format(NUMBER, joined(columns), _ROWS)
        )

    @property
    def places(self) -> str:
        """Each row that is there, by its number, with the place of its present version."""
        return text(
            sql.SQL("SELECT tried.{}, one.ctid::text FROM {} AS one JOIN {} AS tried ON {}").format(
                NUMBER, self.table.identifier(), _ROWS, self._same()
            )
        )

    @property
    def select(self) -> str:
        """The numbers of the rows that are seen; NULL for one that has none."""
        return text(
            sql.SQL("SELECT tried.{} FROM {} AS one LEFT JOIN {} AS tried ON {}").format(
                NUMBER, self.table.identifier(), _ROWS, self._same()
            )
        )

    @property
    def update_blindly(self) -> str:
        """Without WHERE and without reading a column, so that policies for SELECT do not help."""
        return text(
            sql.SQL("UPDATE {} SET {} = %s").format(
                self.table.identifier(), sql.Identifier(self.updated)
            )
        )

    @property
    def delete_blindly(self) -> str:
        return text(sql.SQL("DELETE FROM {}").format(self.table.identifier()))

    @property
    def remove(self) -> str:
        """Remove the rows with the numbers that are given."""
        return text(
            sql.SQL(
                "DELETE FROM {} AS one USING {} AS tried WHERE {} AND tried.{} = ANY (%s)"
            ).format(self.table.identifier(), _ROWS, self._same(), NUMBER)
        )

    def one_by_one(self, command: Command, *, returning: bool = False) -> str:
        """*command* on the row with the number $1."""
        parts = {
            "table": self.table.identifier(),
            "rows": _ROWS,
            "same": self._same(),
            "number": NUMBER,
            "updated": sql.Identifier(self.updated),
            "columns": joined(map(sql.Identifier, self.columns)),
            "values": joined(sql.Identifier("tried", one) for one in self.columns),
        }
        made = sql.SQL(_ONE[command]).format(**parts)
        if returning:
            made += sql.SQL(" RETURNING {}").format(joined(map(sql.Identifier, self.returned)))
        return text(made)

    def move(self, number: int, columns: Sequence[str]) -> str:
        """Write *columns* of the row with *number* as they are in the row with the number $1."""
        return text(
            sql.SQL(
                "UPDATE {} AS one SET {} FROM {} AS tried, {} AS other WHERE {}"
                " AND tried.{number} = {} AND other.{number} = $1 AND $1 <> tried.{number}"
            ).format(
                self.table.identifier(),
                joined(
                    sql.SQL("{} = {}").format(
                        sql.Identifier(column), sql.Identifier("other", column)
                    )
                    for column in columns
                ),
                _ROWS,
                _ROWS,
                self._same(),
                sql.Literal(number),
                number=NUMBER,
            )
        )

    def move_blindly(self, columns: Sequence[str]) -> str:
        """Write *columns* of whatever there is as in the row with the number $1, and read none."""
        names = joined(map(sql.Identifier, columns))
        return text(
            sql.SQL("UPDATE {} SET ({}) = (SELECT {} FROM {} AS tried WHERE tried.{} = $1)").format(
                self.table.identifier(), names, names, _ROWS, NUMBER
            )
        )

    def _same(self) -> sql.Composed:
        """Whether *one* and *tried* have the same key."""
        return joined(
            (sql.SQL("one.{0} = tried.{0}").format(sql.Identifier(column)) for column in self.keys),
            " AND ",
        )


_ONE = {
    Command.SELECT: "SELECT FROM {table} AS one JOIN {rows} AS tried ON {same}"
    " WHERE tried.{number} = $1",
    Command.UPDATE: "UPDATE {table} AS one SET {updated} = tried.{updated} FROM {rows} AS tried"
    " WHERE {same} AND tried.{number} = $1",
    Command.DELETE: "DELETE FROM {table} AS one USING {rows} AS tried"
    " WHERE {same} AND tried.{number} = $1",
    Command.INSERT: "INSERT INTO {table} ({columns}) SELECT {values} FROM {rows} AS tried"
    " WHERE tried.{number} = $1",
}


def each(count: int) -> str:
    """Try *count* statements, each given with a name before and whether it takes rows behind."""
    return " UNION ALL ".join([_EACH] * count)


def shadow(
    name: str, schema: str, keys: Sequence[str], values: Sequence[tuple[object, ...]]
) -> str:
    """A view that hides the table *name* from this session, with the rows of these keys."""
    columns = joined(sql.Identifier("one", key) for key in keys)
    rows = joined(sql.SQL("({})").format(joined(map(sql.Literal, row))) for row in values)
    wanted = sql.SQL("({}) IN ({})").format(columns, rows) if values else sql.SQL("false").format()
    return text(
        sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT * FROM {} AS one WHERE {}").format(
            sql.Identifier(name), sql.Identifier(schema, name), wanted
        )
    )


SET_CONTEXT = "SELECT set_config(%s, %s, true)"
BELONGS_TO = "SELECT pg_catalog.pg_has_role(current_user, %s, 'USAGE')"
