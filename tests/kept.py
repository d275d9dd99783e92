"""Worlds that are made once, and whose rows are put back for every test as they were."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql

Made = TypeVar("Made")

#: Deleting the few rows of a test is ten times as fast as TRUNCATE; keys go on: a new group with
#: the key of one that settings name would be its rename.
EMPTY = """
DO $$
DECLARE
    one regclass;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN
        SELECT oid FROM pg_class
         WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema$|rls_perms$)'
           AND relkind = 'r' AND pg_relation_size(oid) > 0
           AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
    LOOP
        IF pg_relation_size(one) > 1000000 THEN
            EXECUTE format('TRUNCATE %s CASCADE', one);
        ELSE
            EXECUTE format('DELETE FROM %s', one);
        END IF;
    END LOOP;
END
$$
"""

TABLES = """
SELECT oid::regclass::text FROM pg_class
 WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema$|rls_perms$)'
   AND relkind = 'r' AND pg_relation_size(oid) > 0
   AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
 ORDER BY 1
"""

#: What a sync looks at, and what it writes, apart from the rows that are put back: any change
#: gives a row of the catalog another place and another transaction.
LOOKED_AT = {
    "pg_authid": "starts_with(rolname, {prefix})",
    "pg_auth_members": "{roles} && ARRAY[roleid, member]",
    "pg_db_role_setting": "setrole = ANY ({roles}) OR setdatabase IN ({database})",
    "pg_shdescription": "objoid = ANY ({roles})",
    "pg_database": "oid IN ({database})",
    "pg_namespace": "true",
    "pg_default_acl": "true",
    **dict.fromkeys(
        ("pg_class", "pg_proc", "pg_policy", "pg_trigger", "pg_constraint"), "oid >= 16384"
    ),
    "pg_attribute": "attrelid >= 16384",
    "pg_attrdef": "adrelid >= 16384",
    "pg_rewrite": "ev_class >= 16384",
    "pg_description": "objoid >= 16384",
    "public.django_migrations": "true",
    "public.django_content_type": "true",
    "public.auth_permission": "true",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What was made, the rows of it by table, and the catalog just afterwards."""

    made: object
    rows: dict[str, list[bytes]]
    catalog: list[tuple]


_kept: dict[tuple[str, str, Callable[[], object]], Kept] = {}
_administrators: dict[str, psycopg.Connection] = {}


def administrator() -> psycopg.Connection:
    """A connection of the server's administrator to the project's database, kept open."""
    name = settings.DATABASES["owner"]["NAME"]
    found = _administrators.get(name)
    if found is None or found.closed:
        found = _administrators[name] = psycopg.connect(dbname=name, autocommit=True)
    return found


def close() -> None:
    """Close what administrator() keeps open."""
    while _administrators:
        _administrators.popitem()[1].close()


def empty() -> None:
    """Delete every row, except those that a migration makes; no trigger follows."""
    administrator().execute(EMPTY)


def world(make: Callable[[], Made]) -> Made:
    """
    What *make* returns, with its rows in the database, and a sync after it.

    Rows that are there already, from fixtures asked for earlier, are no part of it.

    To make groups and to sync takes a tenth of a second, to put rows back a hundredth. They are
    put back if roles, privileges, policies, functions and triggers are, to the last row of the
    catalog, what they were when the rows were new, and otherwise made anew: a test may do to the
    database whatever it likes. What is returned is a copy, for the same reason.
    """
    # Here: conftest.py imports this module in projects that have no office, too.
    from tests import people

    key = (settings.DATABASES["owner"]["NAME"], repr(settings.RLS_PERMS), make)
    kept = _kept.get(key)
    if kept is None or kept.catalog != _catalog():
        others = _rows()
        made = make()
        people.sync()
        connections["owner"].close()
        kept = _kept[key] = Kept(made, _rows(apart_from=others), _catalog())
    else:
        _put_back(kept.rows)
    return deepcopy(kept.made)


def _catalog() -> list[tuple]:
    connection = administrator()
    prefix = sql.Literal(f"{connection.info.dbname}_")
    parts = {
        "prefix": prefix,
        "roles": sql.SQL("ARRAY(SELECT oid FROM pg_authid WHERE starts_with(rolname, {}))").format(
            prefix
        ),
        "database": sql.SQL("SELECT oid FROM pg_database WHERE datname = current_database()"),
    }
    own = [
        name
        for (name,) in connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = to_regnamespace('rls_perms') ORDER BY 1"
        )
    ]
    looked_at = LOOKED_AT | dict.fromkeys(own, "true")
    asked = [
        sql.SQL(
            "SELECT {}, count(*), sum(hashtextextended(concat(ctid, ' ', xmin), 0)) FROM "
            + name
            + " WHERE "
            + condition
        ).format(sql.Literal(name), **parts)
        for name, condition in looked_at.items()
    ]
    return connection.execute(sql.SQL(" UNION ALL ").join(asked)).fetchall()


def _rows(apart_from: dict[str, list[bytes]] | None = None) -> dict[str, list[bytes]]:
    """The rows of each table that has some, as COPY writes them; not those *apart_from*."""
    found = {}
    for (table,) in administrator().execute(TABLES).fetchall():
        others = set((apart_from or {}).get(table, ()))
        with administrator().cursor().copy(f"COPY {table} TO STDOUT") as copy:
            # COPY gives a row at a time, and a row is written the same way every time.
            if rows := [row for row in map(bytes, copy) if row not in others]:
                found[table] = rows
    return found


def _put_back(rows: dict[str, list[bytes]]) -> None:
    connection = administrator()
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for table, written in rows.items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                copy.write(b"".join(written))
