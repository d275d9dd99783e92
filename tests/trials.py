"""Try every command on every row of a table by a raw cursor, and undo it."""

from django.db import connection, transaction

from rls_perms import as_system, as_user
from rls_perms.exceptions import PermissionDenied
from rls_perms.keywords import Command

MARK = "tried"


class Undo(Exception):
    """Ends a trial: nothing of it stays."""


def tried(asker, tenant, model, command, column):
    """
    The keys on which *command* works for *asker*; none where the table is closed.

    UPDATE and DELETE are blind: without WHERE and RETURNING, SELECT's policies say nothing.
    """
    key, table = model._meta.pk.column, f'"{model._meta.db_table}"'
    statement = {
        Command.SELECT: f'SELECT "{key}" FROM {table}',
        Command.UPDATE: f"UPDATE {table} SET {column} = '{MARK}'",
        Command.DELETE: f"DELETE FROM {table}",
    }[command]
    everything = f'SELECT "{key}" FROM {table}'
    after = {
        Command.UPDATE: f"{everything} WHERE {column} = '{MARK}'",
        Command.DELETE: everything,
    }
    result = set()
    try:
        with transaction.atomic():
            with as_system(reason="trial"):
                before = keys(everything)
            with as_user(asker, tenant=tenant), connection.cursor() as cursor:
                cursor.execute(statement)
                if command is Command.SELECT:
                    result = {row[0] for row in cursor.fetchall()}
            if command is not Command.SELECT:
                with as_system(reason="trial"):
                    left = keys(after[command])
                result = left if command is Command.UPDATE else before - left
            raise Undo
    except Undo:
        return result
    except PermissionDenied:
        return set()


def keys(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}


def inserts(asker, tenant, model, values, *, returning):
    """Whether *asker* may insert a row with *values*, column by column."""
    columns = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(["%s"] * len(values))
    query = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places})'
    if returning:
        query += f' RETURNING "{model._meta.pk.column}"'
    try:
        with transaction.atomic():
            with as_user(asker, tenant=tenant), connection.cursor() as cursor:
                cursor.execute(query, list(values.values()))
            raise Undo
    except Undo:
        return True
    except PermissionDenied:
        return False


def allowed_on(asker, tenant, model, every, column):
    """The keys of the rows that *asker* can change one by one, by key."""
    found = set()
    table, pk = f'"{model._meta.db_table}"', model._meta.pk.column
    statement = f"UPDATE {table} SET {column} = '{MARK}' WHERE \"{pk}\" = %s"
    try:
        with transaction.atomic():
            for key in every:
                try:
                    with (
                        transaction.atomic(),
                        as_user(asker, tenant=tenant),
                        connection.cursor() as cursor,
                    ):
                        cursor.execute(statement, [key])
                        if cursor.rowcount:
                            found.add(key)
                except PermissionDenied:
                    continue
            raise Undo
    except Undo:
        return found
