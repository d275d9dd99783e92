"""PostgreSQL's answer: every command on every row by a raw cursor, and undone."""

from django.db import connection, transaction
from rls_perms import PermissionDenied, as_system, as_user

from proof import MODELS

MARK = "tried"


class Undo(Exception):
    """Ends a trial: nothing of it stays."""


def allowed(asker, firm, model, action):
    """
    The keys of the rows on which *action* works; none where the table is closed.

    UPDATE and DELETE are blind: no WHERE and no RETURNING, so that SELECT's policies do not
    help. What they did is read by the system; constraints are deferred, so that rows which
    others point to can go.
    """
    meta = model._meta
    table, key, column = meta.db_table, meta.pk.column, meta.get_field(MODELS[model]).column
    everything = f"SELECT {key} FROM {table}"
    marked = f"{everything} WHERE {column} = '{MARK}'"
    found = set()
    try:
        with transaction.atomic():
            if action == "view":
                with as_user(asker, tenant=firm):
                    found = keys(everything)
            elif action == "change":
                with as_user(asker, tenant=firm):
                    execute(f"UPDATE {table} SET {column} = '{MARK}'")
                found = as_the_system(marked)
            else:
                before = as_the_system(everything)
                execute("SET CONSTRAINTS ALL DEFERRED")
                with as_user(asker, tenant=firm):
                    execute(f"DELETE FROM {table}")
                found = before - as_the_system(everything)
            raise Undo
    except Undo:
        return found
    except PermissionDenied:
        return set()


def as_the_system(query):
    with as_system(reason="what a trial did"):
        return keys(query)


def keys(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
