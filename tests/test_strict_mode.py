"""STRICT_MODE: a statement on a protected model without a context is not sent."""

import asyncio

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.db.models import Count, F
from django.test import override_settings
from psycopg import sql

from rls_perms import NoContext, PermissionDenied, as_system, as_user
from rls_perms import strict as strict_names
from rls_perms.conf import check_models, parse
from rls_perms.exceptions import ConfigurationError
from rls_perms.strict import named_in
from rls_perms.testing import without_owner
from tests import people
from tests.office.models import Document, Room, Ticket, User
from tests.settings import RLS_PERMS
from tests.studio.models import Campaign, Client
from tests.wire import round_trips

STRICT = {**RLS_PERMS, "STRICT_MODE": True}
KEYS = [1, 2]


@pytest.fixture(autouse=True)
def strict(db):
    connection.ensure_connection()
    with override_settings(RLS_PERMS=STRICT), without_owner():
        yield


#: Each path of the ORM to the database.
PATHS = {
    "iteration": lambda rows: list(rows),
    "count": lambda rows: rows.count(),
    "exists": lambda rows: rows.exists(),
    "aggregate": lambda rows: rows.aggregate(n=Count("pk")),
    "update": lambda rows: rows.update(title="x"),
    "delete": lambda rows: rows.delete(),
    "fast delete": lambda rows: rows._raw_delete(rows.db),
    "iterator": lambda rows: list(rows.iterator()),
    "iterator in a transaction": lambda rows: in_transaction(lambda: list(rows.iterator())),
    "bulk_create": lambda rows: rows.bulk_create([rows.model(title="x", tenant_id=1)]),
    "bulk_update": lambda rows: rows.bulk_update([rows.model(pk=1, title="x")], ["title"]),
    "create": lambda rows: rows.create(title="x", tenant_id=1),
    "get": lambda rows: rows.get(pk=1),
    "get_or_create": lambda rows: rows.get_or_create(title="x"),
    "update_or_create": lambda rows: rows.update_or_create(title="x"),
    "first": lambda rows: rows.first(),
    "last": lambda rows: rows.last(),
    "earliest": lambda rows: rows.earliest("pk"),
    "latest": lambda rows: rows.latest("pk"),
    "in_bulk": lambda rows: rows.in_bulk(KEYS),
    "contains": lambda rows: rows.contains(rows.model(pk=1)),
    "values": lambda rows: list(rows.values("title")),
    "values_list": lambda rows: list(rows.values_list("title", flat=True)),
    "distinct": lambda rows: list(rows.distinct()),
    "explain": lambda rows: rows.explain(),
    "raw": lambda rows: list(rows.model.objects.raw(f"SELECT * FROM {table(rows)}")),
    "union": lambda rows: list(rows.union(rows.all())),
    "select_for_update": lambda rows: in_transaction(lambda: list(rows.select_for_update())),
    "no key": lambda rows: list(rows.filter(pk__in=[])),
    "save": lambda rows: rows.model(pk=1, title="x", tenant_id=1).save(),
    "instance's delete": lambda rows: rows.model(pk=1).delete(),
    "refresh_from_db": lambda rows: rows.model(pk=1).refresh_from_db(),
    "slice": lambda rows: rows[0],
    "len": lambda rows: len(rows),
    "bool": lambda rows: bool(rows),
    "annotation": lambda rows: list(rows.annotate(n=F("pk"))),
    "subquery of an open model": lambda rows: list(Room.objects.filter(pk__in=rows.values("pk"))),
    "async iteration": lambda rows: asyncio.run(collected(rows)),
    "aiterator": lambda rows: asyncio.run(collected(rows.aiterator())),
    "acount": lambda rows: asyncio.run(rows.acount()),
    "aexists": lambda rows: asyncio.run(rows.aexists()),
    "aget": lambda rows: asyncio.run(rows.aget(pk=1)),
    "afirst": lambda rows: asyncio.run(rows.afirst()),
    "acreate": lambda rows: asyncio.run(rows.acreate(title="x", tenant_id=1)),
    "aupdate": lambda rows: asyncio.run(rows.aupdate(title="x")),
    "adelete": lambda rows: asyncio.run(rows.adelete()),
    "aaggregate": lambda rows: asyncio.run(rows.aaggregate(n=Count("pk"))),
    "abulk_create": lambda rows: asyncio.run(
        rows.abulk_create([rows.model(title="x", tenant_id=1)])
    ),
}


def table(rows):
    return rows.model._meta.db_table


def in_transaction(run):
    with transaction.atomic():
        return run()


async def collected(rows):
    return [row async for row in rows]


@pytest.mark.parametrize("path", PATHS)
def test_a15_no_path_of_the_orm_goes_without_a_context(path):
    with pytest.raises(NoContext, match=r"A statement on office\.Ticket has no context"):
        PATHS[path](Ticket.objects.all())


@pytest.mark.parametrize("path", ["iteration", "count", "update", "bulk_create", "create", "raw"])
def test_a15_nothing_is_sent(path):
    with round_trips() as sent, pytest.raises(NoContext):
        PATHS[path](Document.objects.all())

    assert sent.messages == ""


def test_a15_dates_are_a_query_too():
    with pytest.raises(NoContext):
        list(Campaign.objects.dates("day", "month"))


def test_a15_joined_and_related_tables_count():
    with pytest.raises(NoContext, match=r"office\.Ticket"):
        list(Room.objects.extra(tables=["office_ticket"]))
    with pytest.raises(NoContext, match=r"studio\.Campaign_partners"):
        list(Campaign.partners.through.objects.all())
    with pytest.raises(NoContext, match=r"studio\.Campaign"):
        list(User.objects.filter(campaign__name="x"))


RAW = {
    "execute": lambda cursor: cursor.execute("SELECT * FROM office_ticket"),
    "another case": lambda cursor: cursor.execute("select * from Office_TICKET t"),
    "quoted": lambda cursor: cursor.execute('SELECT * FROM "public"."office_ticket"'),
    "no space": lambda cursor: cursor.execute("TABLE/**/office_ticket"),
    "parameters": lambda cursor: cursor.execute("SELECT %s FROM office_ticket", [1]),
    "composed": lambda cursor: cursor.execute(
        sql.SQL("SELECT * FROM {}").format(sql.Identifier("office_ticket"))
    ),
    "bytes": lambda cursor: cursor.execute(b"SELECT * FROM office_ticket"),
    "several": lambda cursor: cursor.execute("SELECT 1; DELETE FROM office_ticket"),
    "with": lambda cursor: cursor.execute("WITH t AS (TABLE office_ticket) SELECT * FROM t"),
    "executemany": lambda cursor: cursor.executemany(
        "INSERT INTO office_ticket (title) VALUES (%s)", [["x"]]
    ),
    "escaped": lambda cursor: cursor.execute(r'SELECT * FROM U&"\006fffice_ticket"'),
    "cut": lambda cursor: cursor.execute("SELECT * FROM office_ticket /* no more */"),
    "copy": lambda cursor: copied(cursor, "COPY office_ticket TO STDOUT"),
    "stream": lambda cursor: list(cursor.cursor.stream("SELECT * FROM office_ticket")),
}


def copied(cursor, statement):
    with cursor.copy(statement) as copy:
        return list(copy)


@pytest.mark.parametrize("how", RAW)
def test_a15_raw_sql_on_a_protected_table_is_not_sent(how):
    with (
        round_trips() as sent,
        connection.cursor() as cursor,
        pytest.raises(NoContext, match=r"office\.Ticket|rls_perms|A statement on"),
    ):
        RAW[how](cursor)

    assert sent.messages == ""


def test_a15_named_cursors_and_those_of_the_driver_are_covered():
    with transaction.atomic(), connection.chunked_cursor() as cursor, pytest.raises(NoContext):
        cursor.execute("SELECT * FROM office_ticket")
    with connection.connection.cursor() as cursor, pytest.raises(NoContext):
        cursor.execute("SELECT * FROM office_ticket")


def test_a15_other_aliases_that_are_ours_are_covered():
    connections["server_side"].ensure_connection()
    with pytest.raises(NoContext):
        list(Ticket.objects.using("server_side").all())
    with connections["server_side"].cursor() as cursor, pytest.raises(NoContext):
        cursor.execute("SELECT * FROM office_ticket")


def test_a15_what_names_no_protected_table_runs():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'office', 1 AS ticket")

        assert cursor.fetchone() == ("office", 1)
    assert list(Room.objects.filter(name="x")) == []
    assert list(User.objects.filter(username="x")) == []
    assert Ticket.objects.none().count() == 0
    assert str(Ticket.objects.all().query).startswith("SELECT")


def test_a15_with_a_context_everything_runs():
    ann = people.user("ann", permissions=["office.view_ticket"])
    people.sync()

    with as_user(ann):
        assert list(Ticket.objects.all()) == []
    with as_system(reason="a test"):
        assert list(Ticket.objects.raw("SELECT * FROM office_ticket")) == []
    assert list(Client.objects.for_user(people.user("bob", is_superuser=True))) == []


def test_a15_a_table_that_no_word_of_the_statement_is_postgresql_refuses():
    # The limit of looking at words: PostgreSQL has the last one.
    block = "DO $$ BEGIN EXECUTE 'SELECT * FROM office_' || 'ticket'; END $$"

    with connection.cursor() as cursor, pytest.raises(PermissionDenied, match="permission denied"):
        cursor.execute(block)


def test_a15_a_word_in_a_comment_is_refused_too():
    with connection.cursor() as cursor, pytest.raises(NoContext):
        cursor.execute("SELECT 1 -- not office_ticket")


@override_settings(RLS_PERMS={**STRICT, "STRICT_MODE_EXCLUDE": ["office.Ticket"]})
def test_a15_an_excluded_model_is_left_to_postgresql():
    with pytest.raises(PermissionDenied, match="permission denied for table office_ticket"):
        list(Ticket.objects.all())
    with connection.cursor() as cursor, pytest.raises(PermissionDenied):
        cursor.execute("SELECT * FROM office_ticket")
    with pytest.raises(NoContext):
        list(Document.objects.all())


@override_settings(RLS_PERMS=RLS_PERMS)
def test_a15_without_strict_mode_postgresql_refuses():
    with pytest.raises(PermissionDenied, match="permission denied for table office_ticket"):
        list(Ticket.objects.all())


def test_a15_the_owners_alias_needs_no_context():
    assert list(Ticket.objects.using(people.OWNER).all()) == []


@override_settings(RLS_PERMS={**STRICT, "LOGIN_ROLES": ["another_login"]})
def test_a15_other_credentials_on_the_same_alias_are_the_owners():
    with pytest.raises(PermissionDenied):
        list(Ticket.objects.all())


def test_a15_an_unknown_model_cannot_be_excluded():
    raw = {**STRICT, "STRICT_MODE_EXCLUDE": ["office.Tickets"]}
    with pytest.raises(ConfigurationError, match=r"STRICT_MODE_EXCLUDE.*there is no such model"):
        check_models(parse(raw, connections.settings))


def test_a15_columns_of_the_orm_are_no_tables():
    named = 'SELECT "office_room"."office_ticket" FROM "office_room"'

    assert named_in(named, True) is None
    assert named_in(named, False) is Ticket


def test_a15_nothing_was_changed_by_what_was_refused():
    with pytest.raises(NoContext):
        Ticket.objects.create(title="x", tenant_id=1)

    with psycopg.connect(dbname=connection.settings_dict["NAME"]) as administrator:
        found = administrator.execute("SELECT count(*) FROM office_ticket").fetchone()
    assert found == (0,)


@pytest.mark.parametrize(
    ("table", "text", "named"),
    [
        ("order", "SELECT 1 ORDER BY 1", False),
        ("order", 'SELECT * FROM "order"', True),
        ("Ticket", "SELECT * FROM ticket", False),
        ("Ticket", 'SELECT * FROM "Ticket"', True),
        ('odd " name', 'TABLE "odd "" name"', True),
        ('audit"."entry', "SELECT * FROM audit.entry", True),
        ("t" * 70, f"SELECT * FROM {'t' * 66}", True),
    ],
)
def test_a15_a_name_is_found_as_postgresql_would_read_it(monkeypatch, table, text, named):
    monkeypatch.setattr(Ticket._meta, "db_table", table)
    monkeypatch.setattr(strict_names, "strict_models", lambda: {table: Ticket})
    forget_names()

    found = named_in(text, False)

    forget_names()
    assert found is (Ticket if named else None)


def forget_names():
    strict_names._names.cache_clear()
    named_in.cache_clear()
