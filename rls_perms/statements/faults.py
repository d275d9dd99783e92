"""Statements of the fault injector: policies changed, and everything that somebody can do."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from rls_perms.statements.render import joined, qualified, text
from rls_perms.statements.row_security import Table

POLICIES = """
SELECT schemaname::text, tablename::text, policyname::text, cmd, qual, with_check,
       permissive = 'PERMISSIVE', roles::text[]
  FROM pg_catalog.pg_policies
 WHERE tablename = ANY (%s)
 ORDER BY 1, 2, 3
"""

# One message tells all that somebody can do with a table. Each statement is run and undone: a set
# for all rows at once, if that is refused for each by its number $1; an insert for each row, which
# is removed before; alone writes the first rows that an UPDATE found, $1, as each row is, $2, where
# no other row is there, so that nothing of it need be read and policies for SELECT have no say.
DO_EVERYTHING = """
CREATE FUNCTION pg_temp.rls_perms_do(
    rows bigint, relation text, take text, leave text, kinds text[], statements text[]
) RETURNS SETOF text
LANGUAGE plpgsql
AS $function$
DECLARE
    place integer;
    one bigint;
    other bigint;
    touched bigint[];
    updatable bigint[];
    refused boolean;
BEGIN
    FOR place IN 1 .. array_length(statements, 1) LOOP
        IF kinds[place] = 'insert'
           AND NOT has_any_column_privilege(current_user, relation, 'INSERT') THEN
            CONTINUE;
        END IF;
        refused := kinds[place] IN ('insert', 'alone');
        IF NOT refused THEN
            BEGIN
                EXECUTE statements[place] INTO touched USING NULL::bigint, NULL::bigint;
                RAISE SQLSTATE 'RP100';
            EXCEPTION
                WHEN SQLSTATE 'RP100' THEN
                    RETURN NEXT format('%s: %s', place, coalesce(touched::text, 'nothing'));
                    updatable := CASE kinds[place] WHEN 'update' THEN touched ELSE updatable END;
                WHEN insufficient_privilege THEN
                    refused := kinds[place] <> 'once'
                           AND has_any_column_privilege(current_user, relation, 'UPDATE');
            END;
        END IF;
        IF NOT refused THEN
            CONTINUE;
        END IF;
        FOR one IN
            SELECT n FROM generate_series(1, rows) AS n
             WHERE kinds[place] <> 'alone' OR n = ANY (updatable[1:2])
        LOOP
            FOR other IN 1 .. CASE kinds[place] WHEN 'alone' THEN rows ELSE 1 END LOOP
                BEGIN
                    IF kinds[place] = 'insert' THEN
                        EXECUTE take USING one;
                    ELSIF kinds[place] = 'alone' THEN
                        EXECUTE leave USING one;
                    END IF;
                    IF kinds[place] = 'insert' THEN
                        EXECUTE statements[place] USING one, other;
                    ELSE
                        EXECUTE statements[place] INTO touched USING one, other;
                    END IF;
                    RAISE SQLSTATE 'RP100';
                EXCEPTION
                    WHEN SQLSTATE 'RP100' THEN
                        touched := CASE kinds[place] WHEN 'insert' THEN '{1}' ELSE touched END;
                        RETURN NEXT format('%s of %s, %s: %s', place, one, other,
                                           coalesce(touched::text, 'nothing'));
                        IF kinds[place] = 'update' AND touched IS NOT NULL THEN
                            updatable := updatable || one;
                        END IF;
                    WHEN insufficient_privilege OR integrity_constraint_violation THEN
                        NULL;
                END;
            END LOOP;
        END LOOP;
    END LOOP;
END
$function$;
"""

# The asking role, and all that it belongs to.
ROLES = """
SELECT current_user::text, rolname::text FROM pg_catalog.pg_roles
 WHERE pg_catalog.pg_has_role(current_user, oid, 'MEMBER')
"""
BELONGS = "SELECT pg_catalog.pg_has_role(%s, %s, 'USAGE')"

# What a role may do with the tables, by itself or by roles that it belongs to.
PRIVILEGES = """
SELECT one.name, word.name, held.name
  FROM unnest(%s::text[]) AS one (name)
 CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS word (name)
 CROSS JOIN unnest(%s::text[]) AS held (name)
 WHERE CASE word.name
       WHEN 'DELETE' THEN pg_catalog.has_table_privilege(held.name, one.name, word.name)
       ELSE pg_catalog.has_any_column_privilege(held.name, one.name, word.name) END
"""

# Of one object: whether the role has the privilege all the same.
HAS_PRIVILEGE = {
    "TABLE": "SELECT pg_catalog.has_table_privilege(%s, %s, %s)",
    "SEQUENCE": "SELECT pg_catalog.has_sequence_privilege(%s, %s, %s)",
    "SCHEMA": "SELECT pg_catalog.has_schema_privilege(%s, %s, %s)",
    "FUNCTION": "SELECT pg_catalog.has_function_privilege(%s, %s, %s)",
}
HAS_COLUMN_PRIVILEGE = "SELECT pg_catalog.has_column_privilege(%s, %s, %s, %s)"

EVERYTHING = "SELECT * FROM pg_temp.rls_perms_do(%s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Everything:
    """The statements on one table, whose rows another one numbers."""

    table: Table
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    updated: str
    number: int

    @property
    def prepare(self) -> str:
        """Number the rows, and let everybody remove one that is to be made again."""
        return text(
            sql.SQL(
                "CREATE TEMPORARY TABLE {name} AS"
                " SELECT row_number() OVER (ORDER BY {keys}) AS rls_perms_number, one.*"
                " FROM {table} AS one; GRANT SELECT ON {rows} TO PUBLIC;"
                " CREATE FUNCTION {take}(bigint) RETURNS void LANGUAGE sql SECURITY DEFINER"
                " AS $function$ DELETE FROM {table} AS one USING {rows} AS tried"
                " WHERE {same} AND tried.rls_perms_number = $1 $function$;"
                " CREATE FUNCTION {leave}(bigint) RETURNS void LANGUAGE sql SECURITY DEFINER"
                " AS $function$ DELETE FROM {table} AS one USING {rows} AS tried"
                " WHERE {same} AND tried.rls_perms_number <> $1 $function$"
            ).format(name=sql.Identifier(self._name("rows")), **self._parts())
        )

    @property
    def arguments(self) -> list[object]:
        """What tells the function of this table: how it is called, what is run and how."""
        parts = self._parts()
        made = [(kind, text(sql.SQL(one).format(**parts))) for kind, one in _DONE]
        kinds, statements = zip(*made, strict=True)
        take = text(sql.SQL("SELECT {take}($1)").format(**parts))
        leave = text(sql.SQL("SELECT {leave}($1)").format(**parts))
        return [text(self.table.identifier()), take, leave, list(kinds), list(statements)]

    def _name(self, kind: str) -> str:
        return f"rls_perms_{kind}_{self.number}"

    def _parts(self) -> dict[str, sql.Composable]:
        def listed(form: sql.SQL, columns: Sequence[str], between: str = ", ") -> sql.Composed:
            return joined((form.format(sql.Identifier(one)) for one in columns), between)

        others = [one for one in self.columns if one not in self.keys]
        return {
            "table": self.table.identifier(),
            "rows": sql.Identifier("pg_temp", self._name("rows")),
            "take": sql.Identifier("pg_temp", self._name("take")),
            "leave": sql.Identifier("pg_temp", self._name("leave")),
            "keys": listed(sql.SQL("{}"), self.keys),
            "rest": listed(sql.SQL("{}"), others),
            "names": listed(sql.SQL("{}"), self.columns),
            "same": listed(sql.SQL("one.{0} = tried.{0}"), self.keys, " AND "),
            "mine": sql.SQL("($1 IS NULL OR tried.rls_perms_number = $1)"),
            "updated": sql.Identifier(self.updated),
            "own": listed(sql.SQL("{0} = tried.{0}"), [self.updated]),
        }


_DONE = (
    (
        "once",
        "SELECT array_agg(tried.rls_perms_number ORDER BY tried.rls_perms_number)"
        " FROM {table} AS one LEFT JOIN {rows} AS tried ON {same} WHERE $1 IS NULL AND $2 IS NULL",
    ),
    # Without reading a column of the table: then policies for SELECT do not count.
    (
        "once",
        "WITH done AS (UPDATE {table} SET {updated} = (SELECT {updated} FROM {rows} LIMIT 1)"
        " WHERE $1 IS NULL AND $2 IS NULL RETURNING 1) SELECT array_agg(1) FROM done",
    ),
    (
        "update",
        "WITH done AS (UPDATE {table} AS one SET {own} FROM {rows} AS tried WHERE {same} AND {mine}"
        " AND $2 IS NOT DISTINCT FROM $2 RETURNING tried.rls_perms_number)"
        " SELECT array_agg(rls_perms_number ORDER BY rls_perms_number) FROM done",
    ),
    (
        "once",
        "WITH done AS (DELETE FROM {table} WHERE $1 IS NULL AND $2 IS NULL RETURNING 1)"
        " SELECT array_agg(1) FROM done",
    ),
    (
        "set",
        "WITH done AS (DELETE FROM {table} AS one USING {rows} AS tried WHERE {same} AND {mine}"
        " AND $2 IS NOT DISTINCT FROM $2 RETURNING tried.rls_perms_number)"
        " SELECT array_agg(rls_perms_number ORDER BY rls_perms_number) FROM done",
    ),
    (
        "insert",
        "INSERT INTO {table} ({names}) SELECT {names} FROM {rows} AS tried WHERE {mine}"
        " AND $2 IS NOT DISTINCT FROM $2",
    ),
    (
        "insert",
        "INSERT INTO {table} ({names}) SELECT {names} FROM {rows} AS tried WHERE {mine}"
        " AND $2 IS NOT DISTINCT FROM $2 RETURNING {keys}",
    ),
    (
        "alone",
        "WITH done AS (UPDATE {table} SET ({rest}) ="
        " (SELECT {rest} FROM {rows} AS tried WHERE tried.rls_perms_number = $2)"
        " WHERE $1 IS NOT NULL RETURNING 1) SELECT array_agg(1) FROM done",
    ),
)


def forget(count: int) -> str:
    """Drop what was prepared for *count* tables."""
    made = [
        sql.SQL("DROP FUNCTION {take}(bigint), {leave}(bigint); DROP TABLE {rows};").format(
            **{
                kind: sql.Identifier("pg_temp", f"rls_perms_{kind}_{number}")
                for kind in ("take", "leave", "rows")
            }
        )
        for number in range(count)
    ]
    dropped = sql.SQL(
        "DROP FUNCTION pg_temp.rls_perms_do(bigint, text, text, text, text[], text[])"
    )
    return text(joined([*made, dropped], " "))


def drop_policy(schema: str, table: str, name: str) -> str:
    return text(
        sql.SQL("DROP POLICY {} ON {}").format(sql.Identifier(name), qualified(schema, table))
    )


def alter_policy(
    schema: str, table: str, name: str, *, using: bool, check: bool, condition: bool
) -> str:
    """Make the clauses that are asked for always true, or never."""
    said = sql.SQL("true" if condition else "false")
    clauses = [sql.SQL("USING ({})").format(said)] if using else []
    clauses += [sql.SQL("WITH CHECK ({})").format(said)] if check else []
    return text(
        sql.SQL("ALTER POLICY {} ON {} {}").format(
            sql.Identifier(name), qualified(schema, table), joined(clauses, " ")
        )
    )
