"""Every statement runs as the role of its context, by Django's number of messages (B4, B13)."""

import asyncio
import contextlib
import signal
import threading
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.signals import request_finished, request_started
from django.db import DatabaseError, connection, connections, transaction
from psycopg import sql

from rls_perms import as_role, as_system, as_tenant, as_user
from rls_perms.exceptions import PermissionDenied, UnknownRole
from tests import kept, people
from tests.office.models import Room, Tenant, Ticket, User
from tests.signed import SIGNED, said, unsigned_only
from tests.wire import round_trips

PROJECT = settings.PROJECT
LOGIN = (f"{PROJECT}_web", None, None)
ASK = f"SELECT current_user::text, {said('user_id')}, {said('tenant_id')}"
ASK_WITH_ROWS = f"{ASK}, ARRAY(SELECT title::text FROM office_ticket ORDER BY title)"
NEW_ROLE = f"{PROJECT}_clerk_manager"


def autocommit(using):
    """The mode that is no transaction."""
    return contextlib.nullcontext()


in_both_modes = pytest.mark.parametrize("mode", [autocommit, transaction.atomic])
on_both_bindings = pytest.mark.parametrize("alias", ["default", "server_side"])
on_both_bindings_when_slow = pytest.mark.parametrize(
    "alias", ["default", pytest.param("server_side", marks=pytest.mark.slow)]
)


@dataclass(frozen=True)
class Firm:
    """Two tenants with two tickets each, and a user of another role in each."""

    acme: Tenant
    bolt: Tenant
    ann: User
    ben: User
    role: str = f"{PROJECT}_clerk"

    @property
    def as_ann(self) -> tuple[Any, ...]:
        return (self.role, str(self.ann.pk), str(self.acme.pk), ["acme 1", "acme 2"])

    @property
    def as_ben(self) -> tuple[Any, ...]:
        return (f"{PROJECT}_manager", str(self.ben.pk), str(self.bolt.pk), ["bolt 1", "bolt 2"])


@pytest.fixture
def firm(db):
    return kept.world(make_firm)


def make_firm():
    acme, bolt = people.tenant("acme"), people.tenant("bolt")
    clerks = people.group("Clerks", "office.view_ticket")
    managers = people.group("Managers", "office.view_ticket")
    made = Firm(
        acme=acme,
        bolt=bolt,
        ann=people.user("ann", tenant=acme, groups=[clerks]),
        ben=people.user("ben", tenant=bolt, groups=[managers]),
    )
    for tenant in (acme, bolt):
        for number in (1, 2):
            people.make(Ticket(tenant=tenant, title=f"{tenant.name} {number}"))
    return made


@pytest.fixture
def stock(firm):
    """An alias of Django's own backend on the same database."""
    owner = connections.settings["owner"]
    connections.settings["stock"] = {**owner, "ENGINE": "django.db.backends.postgresql"}
    yield "stock"
    connections["stock"].close()
    del connections["stock"]
    del connections.settings["stock"]


@pytest.fixture
def interrupted():
    """A block in which Ctrl-C is pressed, as soon as the server is at work."""

    @contextlib.contextmanager
    def block():
        timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
        timer.start()
        try:
            yield
        finally:
            timer.join()

    return block


def ask(alias="default", query=ASK):
    """Who asks, as PostgreSQL sees it: role, user, tenant."""
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def seen(alias="default"):
    """Who asks, and the titles that they see."""
    return ask(alias, ASK_WITH_ROWS)


def session(alias="default"):
    """What is left on a connection, asked by libpq itself: nothing of ours comes before it."""
    query = f"{ASK}, current_setting('role'), session_user = current_user"
    result = connections[alias].connection.pgconn.exec_(query.encode())
    return tuple(result.get_value(0, column) for column in range(result.nfields))


CLEAN = (LOGIN[0].encode(), None, None, b"none", b"t")


# 1. Round trips


def titles(alias):
    return list(Ticket.objects.using(alias).order_by("pk"))


def one_query(alias):
    titles(alias)


def three_queries(alias):
    titles(alias)
    titles(alias)
    titles(alias)


def atomic(alias):
    with transaction.atomic(using=alias):
        titles(alias)


def atomic_with_three(alias):
    with transaction.atomic(using=alias):
        three_queries(alias)


def nested_atomic(alias):
    with transaction.atomic(using=alias), transaction.atomic(using=alias):
        titles(alias)


def query_then_nested_atomic(alias):
    with transaction.atomic(using=alias):
        titles(alias)
        with transaction.atomic(using=alias):
            titles(alias)


def iterator(alias):
    list(Ticket.objects.using(alias).iterator(chunk_size=10))


def iterator_in_atomic(alias):
    with transaction.atomic(using=alias):
        iterator(alias)


def framework_between(alias):
    with transaction.atomic(using=alias):
        titles(alias)
        Group.objects.using(alias).count()
        titles(alias)


def framework_alone(alias):
    Group.objects.using(alias).count()


def framework_in_atomic(alias):
    with transaction.atomic(using=alias):
        Group.objects.using(alias).count()


def save_of_open_model(alias):
    Room(name="hall").save(using=alias)


def executemany(alias):
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.executemany("INSERT INTO office_room (name) VALUES (%s)", [["a"], ["b"]])


#: Round trips for a cursor: the session keeps the message that declares it, so no token is in it.
APART = {iterator: 2, iterator_in_atomic: 1} if SIGNED else {}


def trips(run, alias, *, warm):
    """Round trips of *run*; with *warm*, when a statement went before it."""
    if warm:
        titles(alias)
    with round_trips(alias) as wire:
        run(alias)
    return wire.count


@pytest.mark.parametrize("warm", [False, True], ids=["first of its context", "later"])
@pytest.mark.parametrize(
    "run", [one_query, three_queries, iterator, framework_alone, save_of_open_model]
)
def test_autocommit_takes_as_many_round_trips_as_django(firm, stock, run, warm):
    expected = trips(run, stock, warm=warm) + APART.get(run, 0)

    with as_user(firm.ann):
        assert trips(run, "default", warm=warm) == expected


@pytest.mark.parametrize("warm", [False, True], ids=["first of its context", "later"])
@pytest.mark.parametrize(
    "run",
    [
        atomic,
        atomic_with_three,
        nested_atomic,
        query_then_nested_atomic,
        iterator_in_atomic,
        framework_between,
        framework_in_atomic,
    ],
)
def test_a_transaction_takes_one_round_trip_less_than_django(firm, stock, run, warm):
    expected = trips(run, stock, warm=warm) - 1 + APART.get(run, 0)

    with as_user(firm.ann):
        assert trips(run, "default", warm=warm) == expected


def test_executemany_in_a_transaction_takes_as_many_round_trips_as_django(firm, stock):
    expected = trips(executemany, stock, warm=False)

    with as_user(firm.ann):
        assert trips(executemany, "default", warm=False) == expected


def test_one_query_is_one_round_trip(firm):
    with as_user(firm.ann):
        assert trips(one_query, "default", warm=False) == 1


def test_without_a_context_nothing_is_added(firm, stock):
    expected = trips(framework_alone, stock, warm=False)

    assert trips(framework_alone, "default", warm=False) == expected


def test_another_user_in_the_middle_of_a_transaction_costs_no_message(firm):
    with transaction.atomic(), round_trips() as wire:
        with as_user(firm.ann):
            titles("default")
        with as_user(firm.ben):
            titles("default")

    assert wire.count == 2


@on_both_bindings
def test_server_side_binding_takes_no_more_than_django_in_a_transaction(firm, stock, alias):
    expected = trips(atomic, stock, warm=False)

    with as_user(firm.ann):
        assert trips(atomic, alias, warm=False) <= expected


# 2. The right role, settings and rows, and what comes after


class Stop(Exception):
    """Ends a block, so that it is rolled back."""


def cursor_of(alias):
    return connections[alias].cursor()


def raw(alias, *statements):
    with cursor_of(alias) as cursor:
        for statement in statements:
            cursor.execute(statement)


def does_nested_atomic(alias, firm):
    nested_atomic(alias)


def does_iterator(alias, firm):
    iterator(alias)


def does_half_an_iterator(alias, firm):
    half = Ticket.objects.using(alias).iterator(chunk_size=1)
    next(half)
    half.close()


def does_copy_to(alias, firm):
    with cursor_of(alias) as cursor, cursor.copy("COPY office_ticket TO STDOUT") as copy:
        list(copy)


def does_half_a_copy(alias, firm):
    with (
        contextlib.suppress(Stop),
        cursor_of(alias) as cursor,
        transaction.atomic(using=alias),
        cursor.copy("COPY office_ticket TO STDOUT") as copy,
    ):
        copy.read()
        raise Stop


def does_copy_from(alias, firm):
    with cursor_of(alias) as cursor, cursor.copy("COPY office_room (name) FROM STDIN") as copy:
        copy.write_row(["copied"])


def does_executemany(alias, firm):
    with cursor_of(alias) as cursor:
        cursor.executemany("INSERT INTO office_room (name) VALUES (%s)", [["a"], ["b"]])


def does_executemany_with_set_config(alias, firm):
    with cursor_of(alias) as cursor:
        cursor.executemany("SELECT set_config(%s, %s, %s)", [("rls_perms.tenant_id", "9", False)])


def does_stream(alias, firm):
    with cursor_of(alias) as cursor:
        list(cursor.stream("SELECT title FROM office_ticket"))


def does_half_a_stream(alias, firm):
    with transaction.atomic(using=alias), cursor_of(alias) as cursor:
        stream = cursor.stream("SELECT title FROM office_ticket")
        next(stream)
        with contextlib.suppress(DatabaseError, psycopg.Error):
            stream.close()
        connections[alias].needs_rollback = True


def does_callproc(alias, firm):
    with cursor_of(alias) as cursor:
        cursor.callproc("now")


def does_several_statements(alias, firm):
    raw(alias, "SELECT 1; SELECT 2; SELECT 3")


def does_error(alias, firm):
    with pytest.raises(DatabaseError), transaction.atomic(using=alias):
        raw(alias, "SELECT 1 / 0")


def does_binding_error(alias, firm):
    with pytest.raises(DatabaseError), transaction.atomic(using=alias), cursor_of(alias) as cursor:
        cursor.execute("SELECT %s", [object()])


def does_missing_parameter(alias, firm):
    with pytest.raises(DatabaseError), transaction.atomic(using=alias), cursor_of(alias) as cursor:
        cursor.execute("SELECT %s, %s", [1])


def does_rollback(alias, firm):
    with contextlib.suppress(Stop), transaction.atomic(using=alias):
        seen(alias)
        raise Stop


def does_psycopg_rollback(alias, firm):
    with cursor_of(alias), connections[alias].connection.transaction(force_rollback=True):
        seen(alias)


def does_psycopg_transaction(alias, firm):
    with cursor_of(alias), connections[alias].connection.transaction():
        seen(alias)


def does_raw_rollback_to(alias, firm):
    with transaction.atomic(using=alias):
        raw(alias, "SAVEPOINT here", "SELECT 1", "ROLLBACK TO here", "RELEASE here")


def does_reset_role(alias, firm):
    raw(alias, "RESET ROLE")


def does_set_role(alias, firm):
    raw(alias, f"SET ROLE {PROJECT}_manager")


def does_set_local_role(alias, firm):
    raw(alias, f"SET LOCAL ROLE {PROJECT}_manager")


def does_set_config(alias, firm):
    raw(alias, f"SELECT set_config('role', '{PROJECT}_manager', false)")


def does_capital_set_config(alias, firm):
    raw(alias, "SELECT SET_CONFIG('rls_perms.tenant_id', '9', false)")


def does_set_tenant(alias, firm):
    raw(alias, "SET rls_perms.tenant_id = '9'")


def does_set_quoted(alias, firm):
    raw(alias, """SET "rls_perms"."user_id" = '9'""")


def does_update_pg_settings(alias, firm):
    raw(alias, "UPDATE pg_settings SET setting = 'none' WHERE name = 'role'")


def does_block(alias, firm):
    raw(alias, "DO $$ BEGIN PERFORM set_config('role', 'none', false); END $$")


def does_driver_execute(alias, firm):
    with cursor_of(alias):
        connections[alias].connection.execute("SELECT 1").fetchone()


def does_another_user(alias, firm):
    with as_user(firm.ben):
        assert seen(alias) == firm.as_ben


def does_nobody(alias, firm):
    with as_user(people.NOBODY):
        assert ask(alias) == (f"{PROJECT}_anonymous", None, None)


def does_system(alias, firm):
    with as_system(reason="test"):
        assert ask(alias) == (f"{PROJECT}_system", None, None)


def does_role(alias, firm):
    with as_role("manager"):
        assert ask(alias) == (f"{PROJECT}_manager", None, None)


def does_another_tenant(alias, firm):
    with as_tenant(firm.bolt):
        assert ask(alias) == (firm.as_ann[0], str(firm.ann.pk), str(firm.bolt.pk))


def does_no_tenant(alias, firm):
    with as_tenant(None):
        assert ask(alias) == (firm.as_ann[0], str(firm.ann.pk), None)


def does_framework(alias, firm):
    assert Group.objects.using(alias).count() == 2


def does_failing_context(alias, firm):
    with pytest.raises(UnknownRole), transaction.atomic(using=alias), as_role("nope"):
        ask(alias)


def does_denied(alias, firm):
    with pytest.raises(PermissionDenied), transaction.atomic(using=alias):
        raw(alias, "DELETE FROM office_ticket")


def does_empty_query(alias, firm):
    raw(alias, "")
    raw(alias, "-- nothing")
    raw(alias, ";")


def does_named_cursor(alias, firm):
    connections[alias].ensure_connection()
    named = connections[alias].connection.cursor("named", scrollable=True)
    with transaction.atomic(using=alias), named as cursor:
        cursor.execute("SELECT title FROM office_ticket ORDER BY title")
        cursor.scroll(1)
        cursor.fetchall()


def does_set_constraints(alias, firm):
    connections[alias].check_constraints()


ACTIONS = [
    does_nested_atomic,
    does_iterator,
    does_half_an_iterator,
    does_copy_to,
    does_half_a_copy,
    does_copy_from,
    does_executemany,
    does_executemany_with_set_config,
    does_stream,
    does_callproc,
    does_several_statements,
    does_error,
    does_binding_error,
    does_missing_parameter,
    does_rollback,
    does_psycopg_rollback,
    does_psycopg_transaction,
    does_raw_rollback_to,
    does_reset_role,
    does_set_role,
    does_set_local_role,
    does_set_config,
    does_capital_set_config,
    does_set_tenant,
    does_set_quoted,
    does_update_pg_settings,
    does_block,
    does_driver_execute,
    does_another_user,
    does_nobody,
    does_system,
    does_role,
    does_another_tenant,
    does_no_tenant,
    does_framework,
    does_failing_context,
    does_denied,
    does_empty_query,
    does_named_cursor,
    does_set_constraints,
]
each_action = pytest.mark.parametrize("action", ACTIONS, ids=[one.__name__ for one in ACTIONS])


@each_action
@in_both_modes
@on_both_bindings
def test_after_anything_the_context_is_in_force_and_then_nothing_is_left(firm, action, mode, alias):
    with as_user(firm.ann), mode(using=alias):
        action(alias, firm)

        assert seen(alias) == firm.as_ann
    assert session(alias) == CLEAN


@each_action
def test_after_anything_the_next_user_is_in_force(firm, action):
    with transaction.atomic():
        with as_user(firm.ann):
            action("default", firm)

        assert ask() == LOGIN
        with as_user(firm.ben):
            assert seen() == firm.as_ben
        assert ask() == LOGIN
    assert session() == CLEAN


@on_both_bindings
def test_an_error_that_ends_the_transaction_ends_what_was_applied(firm, alias):
    with pytest.raises(DatabaseError), as_user(firm.ann), transaction.atomic(using=alias):
        raw(alias, "SELECT 1 / 0")

    assert session(alias) == CLEAN


def test_a_role_set_for_the_session_does_not_outlive_a_statement_that_failed_after_it(firm):
    with as_user(firm.ann), pytest.raises(DatabaseError):
        raw("default", f"SET ROLE {PROJECT}_manager; COMMIT; SELECT 1 / 0")

    assert ask() == LOGIN
    assert session() == CLEAN


def test_a_role_set_without_a_context_does_not_outlive_its_statement(firm):
    raw("default", f"SET ROLE {PROJECT}_manager")

    assert ask() == LOGIN
    assert session() == CLEAN


def test_a_transaction_chained_by_raw_sql_goes_on_as_the_user(firm):
    with as_user(firm.ann), transaction.atomic():
        raw("default", "SELECT 1", "COMMIT AND CHAIN")

        assert seen() == firm.as_ann


def test_a_driver_transaction_after_an_autocommit_statement_is_the_users(firm):
    with as_user(firm.ann):
        seen()
        with connection.connection.transaction():
            first = seen()

        assert first == firm.as_ann


def test_a_driver_transaction_after_another_transaction_is_the_users(firm):
    with as_user(firm.ann):
        with transaction.atomic():
            seen()
        with connection.connection.transaction():
            first = seen()

        assert first == firm.as_ann


def test_a_savepoint_that_the_driver_rolls_back_ends_what_was_applied_in_it(firm):
    with transaction.atomic():
        ask()
        with as_user(firm.ann):
            with connection.connection.transaction(force_rollback=True):
                seen()

            assert seen() == firm.as_ann


@on_both_bindings
def test_a_transaction_may_begin_with_its_isolation_level(firm, alias):
    with as_user(firm.ann), transaction.atomic(using=alias):
        raw(alias, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")

        assert ask(alias, "SHOW transaction_isolation") == ("serializable",)
        assert seen(alias) == firm.as_ann


def test_an_error_points_at_the_line_of_the_statement(firm):
    with as_user(firm.ann), pytest.raises(DatabaseError, match="LINE 2: SELECT wrong"):
        raw("default", "SELECT wrong")


def test_a_binary_result_is_refused_as_by_the_driver(firm):
    with as_user(firm.ann):
        connection.ensure_connection()
        with pytest.raises(psycopg.NotSupportedError, match="binary"):
            connection.connection.execute("SELECT 1", binary=True)

        assert seen() == firm.as_ann


# Contexts in one open transaction


def test_a_tenant_does_not_stay_in_an_inner_context_without_one(firm):
    with transaction.atomic(), as_user(firm.ann):
        seen()
        with as_user(firm.ben, tenant=None):
            inner = seen()

        assert inner == (f"{PROJECT}_manager", str(firm.ben.pk), None, [])


def test_a_user_does_not_stay_in_an_inner_role(firm):
    with transaction.atomic(), as_user(firm.ann):
        seen()
        with as_role("manager", tenant=firm.bolt):
            inner = seen()

        assert inner == (f"{PROJECT}_manager", None, str(firm.bolt.pk), ["bolt 1", "bolt 2"])


def test_a_rollback_does_not_bring_back_the_tenant_of_a_context_that_was_left(firm):
    with transaction.atomic():
        with as_user(firm.ann):
            seen()
        with contextlib.suppress(Stop), transaction.atomic():
            ask()
            raise Stop

        with as_user(firm.ben, tenant=None):
            assert seen() == (f"{PROJECT}_manager", str(firm.ben.pk), None, [])


def test_contexts_nest_in_one_transaction_and_each_is_restored(firm):
    with transaction.atomic():
        with as_user(firm.ann):
            before = seen()
            with as_system(reason="test"):
                system = seen()
                with as_user(firm.ben):
                    inner = seen()
                with as_tenant(firm.bolt):
                    system_in_tenant = ask()
            after = seen()
        outside = ask()

    assert (before, inner, after, outside) == (firm.as_ann, firm.as_ben, firm.as_ann, LOGIN)
    assert system == (f"{PROJECT}_system", None, None, ["acme 1", "acme 2", "bolt 1", "bolt 2"])
    assert system_in_tenant == (f"{PROJECT}_system", None, str(firm.bolt.pk))


@on_both_bindings
def test_protected_tables_are_closed_after_a_context_is_left_in_a_transaction(firm, alias):
    with transaction.atomic(using=alias):
        with as_user(firm.ann):
            seen(alias)
        with pytest.raises(PermissionDenied, match="without a context"):
            seen(alias)
        transaction.set_rollback(True, using=alias)

    assert session(alias) == CLEAN


@on_both_bindings
@in_both_modes
def test_an_iterator_reads_on_as_who_declared_it(firm, mode, alias):
    with as_user(firm.ann), mode(using=alias):
        rows = Ticket.objects.using(alias).order_by("title").iterator(chunk_size=1)
        first = next(rows).title
        with as_user(firm.ben):
            other = seen(alias)
        rest = [row.title for row in rows]

        assert seen(alias) == firm.as_ann
    assert (first, other, rest) == ("acme 1", firm.as_ben, ["acme 2"])


@on_both_bindings
def test_an_iterator_read_in_another_context_leaves_that_in_force(firm, alias):
    with transaction.atomic(using=alias):
        with as_user(firm.ann):
            rows = Ticket.objects.using(alias).order_by("title").iterator(chunk_size=1)
            next(rows)
        with as_user(firm.ben):
            rest = [row.title for row in rows]
            after = seen(alias)

    assert (rest, after) == (["acme 2"], firm.as_ben)


@on_both_bindings
def test_an_iterator_that_nobody_read_from_yet_is_who_declared_its(firm, alias):
    with transaction.atomic(using=alias), connections[alias].chunked_cursor() as cursor:
        with as_user(firm.ann):
            cursor.execute("SELECT title FROM office_ticket ORDER BY title")
        with as_user(firm.ben):
            seen(alias)
            rows = cursor.fetchall()

    assert rows == [("acme 1",), ("acme 2",)]


# What cannot be merged with a prefix


@on_both_bindings
@in_both_modes
def test_copy_to_shows_the_users_rows(firm, mode, alias):
    query = "COPY (SELECT title FROM office_ticket ORDER BY title) TO STDOUT"

    with (
        as_user(firm.ann),
        mode(using=alias),
        cursor_of(alias) as cursor,
        cursor.copy(query) as copy,
    ):
        rows = list(copy.rows())

    assert rows == [("acme 1",), ("acme 2",)]


@on_both_bindings
@in_both_modes
def test_copy_from_writes_as_the_user(firm, mode, alias):
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE office_room ALTER name SET DEFAULT current_user")

    with (
        as_user(firm.ann),
        mode(using=alias),
        cursor_of(alias) as cursor,
        cursor.copy("COPY office_room (id) FROM STDIN") as copy,
    ):
        copy.write_row([7])

    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE office_room ALTER name DROP DEFAULT")
    assert Room.objects.using("owner").get().name == f"{PROJECT}_clerk"


@on_both_bindings
@in_both_modes
def test_executemany_writes_as_the_user(firm, mode, alias):
    with as_user(firm.ann), mode(using=alias), cursor_of(alias) as cursor:
        cursor.executemany(
            "INSERT INTO office_room (name) VALUES (current_user || %s)", [["-a"], ["-b"]]
        )

    names = Room.objects.using("owner").order_by("id").values_list("name", flat=True)
    assert list(names) == [f"{PROJECT}_clerk-a", f"{PROJECT}_clerk-b"]


@on_both_bindings
@in_both_modes
def test_executemany_that_fails_in_its_parameters_leaves_nothing(firm, mode, alias):
    with as_user(firm.ann):
        with pytest.raises(DatabaseError), mode(using=alias), cursor_of(alias) as cursor:
            cursor.executemany("INSERT INTO office_room (name) VALUES (%s)", [["a"], [object()]])

        assert seen(alias) == firm.as_ann
    assert not Room.objects.using("owner").exists()
    assert session(alias) == CLEAN


@on_both_bindings
@in_both_modes
def test_stream_shows_the_users_rows(firm, mode, alias):
    with as_user(firm.ann), mode(using=alias), cursor_of(alias) as cursor:
        rows = list(cursor.stream("SELECT title FROM office_ticket ORDER BY title"))

    assert rows == [("acme 1",), ("acme 2",)]


def test_a_stream_that_is_not_read_to_its_end_leaves_nothing(firm):
    with as_user(firm.ann):
        with cursor_of("default") as cursor:
            stream = cursor.stream("SELECT generate_series(1, 1000)")
            next(stream)
            stream.close()

        assert seen() == firm.as_ann
    assert session() == CLEAN


@on_both_bindings
@in_both_modes
def test_callproc_runs_as_the_user(firm, mode, alias):
    with as_user(firm.ann), mode(using=alias), cursor_of(alias) as cursor:
        cursor.callproc("current_setting", ["role"])
        row = cursor.fetchone()

    assert row == (f"{PROJECT}_clerk",)


def test_the_results_of_several_statements_are_the_statements_own(firm):
    with as_user(firm.ann), cursor_of("default") as cursor:
        cursor.execute("SELECT 1; SELECT current_user::text")
        first = cursor.fetchall()
        cursor.nextset()

        assert (first, cursor.fetchall()) == ([(1,)], [(f"{PROJECT}_clerk",)])
        assert cursor.nextset() is None


def test_rowcount_is_the_statements_own(firm):
    with as_user(firm.ann), cursor_of("default") as cursor:
        cursor.execute("INSERT INTO office_room (name) VALUES ('a'), ('b'), ('c')")

        assert cursor.rowcount == 3


def test_a_cursor_that_others_declared_can_be_read(firm):
    with as_user(firm.ann), transaction.atomic():
        raw("default", "DECLARE theirs CURSOR FOR SELECT title FROM office_ticket ORDER BY title")
        with connection.connection.cursor("theirs") as cursor:
            rows = cursor.fetchall()

        assert rows == [("acme 1",), ("acme 2",)]


def test_the_drivers_pipeline_is_refused(firm):
    connection.ensure_connection()

    with pytest.raises(psycopg.NotSupportedError, match=r"executemany\(\)"):
        connection.connection.pipeline().__enter__()


def test_a_cursor_of_another_class_is_refused(firm):
    connection.ensure_connection()

    cursor = psycopg.RawCursor(connection.connection)

    with pytest.raises(psycopg.NotSupportedError, match=r"connection\.cursor\(\)"):
        cursor.execute("SELECT 1")


def test_an_interrupt_leaves_nothing(firm, interrupted):
    with as_user(firm.ann):
        with pytest.raises(KeyboardInterrupt), interrupted():
            raw("default", "SELECT pg_sleep(20)")

        assert seen() == firm.as_ann
    assert session() == CLEAN


def test_an_interrupt_in_a_transaction_leaves_nothing(firm, interrupted):
    with as_user(firm.ann):
        with pytest.raises(KeyboardInterrupt), transaction.atomic(), interrupted():
            raw("default", "SELECT pg_sleep(20)")

        assert seen() == firm.as_ann
    assert session() == CLEAN


def test_parameters_that_query_the_same_connection_run_before_the_statement(firm):
    with as_user(firm.ann), cursor_of("default") as cursor:
        cursor.execute("SELECT %s, current_user::text", [as_of_ben(firm)])

        assert cursor.fetchone() == (firm.as_ben[0], f"{PROJECT}_clerk")


def as_of_ben(firm):
    with as_user(firm.ben):
        return ask()[0]


# 3. A combination of groups that nobody had


@pytest.fixture
def newcomer(firm):
    """A user of two groups that nobody has together, so that no session role exists yet."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM rls_perms.role_map WHERE role = %s", [NEW_ROLE])
        cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(NEW_ROLE)))
    groups = Group.objects.using("owner")
    both = [groups.get(name="Clerks"), groups.get(name="Managers")]
    return people.user("new", tenant=firm.acme, groups=both)


def of_newcomer(firm, newcomer):
    return (NEW_ROLE, str(newcomer.pk), str(firm.acme.pk), ["acme 1", "acme 2"])


@on_both_bindings
@in_both_modes
def test_a_role_that_nobody_had_is_made_by_the_first_statement(firm, newcomer, mode, alias):
    with as_user(newcomer), mode(using=alias):
        first = seen(alias)

    assert first == of_newcomer(firm, newcomer)
    assert session(alias) == CLEAN


@each_action
@on_both_bindings_when_slow
def test_a_role_that_nobody_had_is_made_whatever_comes_first(firm, newcomer, action, alias):
    with as_user(newcomer):
        action(alias, replace(firm, ann=newcomer, role=NEW_ROLE))

        assert seen(alias) == of_newcomer(firm, newcomer)
    assert session(alias) == CLEAN


@on_both_bindings
def test_a_role_that_nobody_had_is_made_in_an_open_transaction(firm, newcomer, alias):
    with transaction.atomic(using=alias):
        with as_user(firm.ann):
            seen(alias)
        with as_user(newcomer):
            later = seen(alias)

    assert later == of_newcomer(firm, newcomer)
    with as_user(newcomer):
        assert seen(alias) == of_newcomer(firm, newcomer)


def test_a_role_made_before_a_transaction_outlives_its_rollback(firm, newcomer):
    with contextlib.suppress(Stop), as_user(newcomer), transaction.atomic():
        seen()
        raise Stop

    assert role_exists()


def test_a_role_made_in_a_transaction_that_is_rolled_back_is_made_again(firm, newcomer):
    with as_user(newcomer):
        with contextlib.suppress(Stop), transaction.atomic():
            Group.objects.count()
            seen()
            raise Stop

        assert not role_exists()
        assert seen() == of_newcomer(firm, newcomer)


def test_a_role_made_in_a_savepoint_that_is_rolled_back_is_made_again(firm, newcomer):
    with transaction.atomic():
        ask()
        with as_user(newcomer):
            with contextlib.suppress(Stop), transaction.atomic():
                seen()
                raise Stop
            again = seen()

        assert not role_exists()
    assert again == of_newcomer(firm, newcomer)


def test_a_role_made_in_a_transaction_that_failed_unseen_is_made_again(firm, newcomer):
    with as_user(newcomer):
        with transaction.atomic():
            Group.objects.count()
            seen()
            connection.connection.pgconn.exec_(b"SELECT 1 / 0")

        assert not role_exists()
        assert seen() == of_newcomer(firm, newcomer)


def test_what_a_transaction_did_before_a_role_was_made_stays(firm, newcomer):
    with transaction.atomic():
        with as_user(firm.ann):
            Room.objects.create(name="hall")
        with as_user(newcomer):
            seen()

    assert Room.objects.using("owner").count() == 1


@unsigned_only
def test_an_error_of_the_same_kind_by_raw_sql_does_not_run_a_transaction_again(firm, newcomer):
    ask_for_role = f"SELECT rls_perms.session_role('{newcomer.pk}', NULL)"

    with transaction.atomic():
        with as_user(firm.ann):
            Room.objects.create(name="hall")
        with pytest.raises(DatabaseError, match="no session role"):
            raw("default", ask_for_role)
        transaction.set_rollback(True)

    assert not Room.objects.using("owner").exists()


def test_threads_that_need_the_same_new_role_all_get_it(firm, newcomer):
    answers = in_threads(8, lambda number: as_one(newcomer))

    assert answers == [of_newcomer(firm, newcomer)] * 8


def test_threads_that_need_the_same_new_role_in_transactions_all_get_it(firm, newcomer):
    answers = in_threads(8, lambda number: as_one_in_transaction(newcomer))

    assert answers == [of_newcomer(firm, newcomer)] * 8


def as_one(user, alias="default"):
    with as_user(user):
        return seen(alias)


def as_one_in_transaction(user):
    with transaction.atomic():
        ask()
        return as_one(user)


def in_threads(number, run):
    """The answers of *run* in that many threads, which start together."""
    answers: list[Any] = [None] * number
    barrier = threading.Barrier(number)

    def one(position):
        try:
            connection.ensure_connection()
            barrier.wait(20)
            answers[position] = run(position)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=[position]) for position in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_a_read_only_transaction_says_that_it_cannot_make_a_role(firm, newcomer):
    with transaction.atomic():
        raw("default", "SET TRANSACTION READ ONLY")
        with pytest.raises(UnknownRole, match=f"user {newcomer.pk} .* read only.* sync_pg_roles"):
            as_one(newcomer)
        transaction.set_rollback(True)

    assert not role_exists()
    assert session() == CLEAN


def test_a_read_only_transaction_works_for_a_role_that_exists(firm):
    with as_user(firm.ann), transaction.atomic():
        raw("default", "SET TRANSACTION READ ONLY")

        assert seen() == firm.as_ann


def role_exists():
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [NEW_ROLE])
        return cursor.fetchone()[0]


# 4. A role that does not exist


@on_both_bindings
@in_both_modes
def test_an_unknown_role_is_an_error_with_a_hint(firm, mode, alias):
    message = f"no role {PROJECT}_nope.*sync_pg_roles"

    with pytest.raises(UnknownRole, match=message), mode(using=alias), as_role("nope"):
        ask(alias)

    assert ask(alias) == LOGIN
    assert session(alias) == CLEAN


@on_both_bindings
def test_an_unknown_role_is_an_error_in_the_middle_of_a_transaction(firm, alias):
    with as_user(firm.ann), transaction.atomic(using=alias):
        seen(alias)
        with (
            pytest.raises(UnknownRole, match="sync_pg_roles"),
            transaction.atomic(using=alias),
            as_role("nope"),
        ):
            ask(alias)

        assert seen(alias) == firm.as_ann


@pytest.mark.parametrize("action", [does_copy_to, does_executemany, does_stream, does_iterator])
@on_both_bindings
def test_an_unknown_role_is_an_error_whatever_comes_first(firm, action, alias):
    with pytest.raises((UnknownRole, psycopg.Error), match="no role"), as_role("nope"):
        action(alias, firm)

    assert not Room.objects.using("owner").exists()
    assert session(alias) == CLEAN


# 5. Connections that live longer than a request


@pytest.fixture
def pool(firm):
    """A pool of one connection, so that whoever comes next gets the same."""
    yield connections["pooled"]
    connections["pooled"].close()
    connections["pooled"].close_pool()


def test_a_pooled_connection_runs_as_the_user_and_keeps_nothing(firm, pool):
    with as_user(firm.ann):
        first = as_one_here("pooled")
        backend = pool.connection.info.backend_pid
        pool.close()
    with as_user(firm.ben):
        second = as_one_here("pooled")
        same = pool.connection.info.backend_pid
        pool.close()

    assert (first, second) == (firm.as_ann, firm.as_ben)
    assert same == backend
    assert ask("pooled") == LOGIN
    assert session("pooled") == CLEAN


def as_one_here(alias):
    with transaction.atomic(using=alias):
        return seen(alias)


def test_a_pooled_connection_is_checked_without_a_context(firm, pool, monkeypatch):
    monkeypatch.setitem(pool.settings_dict, "CONN_HEALTH_CHECKS", True)

    with as_role("nope"):
        pool.ensure_connection()
        pool.close()
        pool.ensure_connection()

    assert ask("pooled") == LOGIN


def test_a_pooled_connection_given_back_in_a_transaction_keeps_nothing(firm, pool):
    pool.set_autocommit(False)
    with as_user(firm.ann):
        seen("pooled")
    pool.close()
    pool.set_autocommit(True)

    assert ask("pooled") == LOGIN
    assert session("pooled") == CLEAN


def test_a_persistent_connection_keeps_nothing(firm, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    with as_user(firm.ann):
        request_started.send(sender=None)
        first = seen()
        backend = connection.connection.info.backend_pid
        request_finished.send(sender=None)

    request_started.send(sender=None)
    assert session() == CLEAN
    assert ask() == LOGIN
    assert first == firm.as_ann
    assert connection.connection.info.backend_pid == backend


def test_a_health_check_needs_no_role(firm):
    connection.ensure_connection()

    with as_role("nope"):
        assert connection.is_usable()


# 6. Threads and tasks


def test_threads_in_different_contexts_see_their_own_rows(firm):
    users = [firm.ann, firm.ben] * 4

    answers = in_threads(8, lambda number: [as_one(users[number]) for _ in range(20)])

    assert answers == [[firm.as_ann] * 20, [firm.as_ben] * 20] * 4


def test_tasks_in_different_contexts_see_their_own_rows(firm):
    async def titles_of(user):
        seen_by = []
        async with as_user(user):
            for _ in range(10):
                seen_by.append([row.title async for row in Ticket.objects.order_by("title")])
                row = await Ticket.objects.aget(title__endswith="2")
                seen_by.append([row.title])
                await asyncio.sleep(0)
        return seen_by

    async def both():
        answers = await asyncio.gather(titles_of(firm.ann), titles_of(firm.ben))
        await sync_to_async(connections.close_all)()
        return answers

    ann, ben = asyncio.run(both())

    assert ann == [["acme 1", "acme 2"], ["acme 2"]] * 10
    assert ben == [["bolt 1", "bolt 2"], ["bolt 2"]] * 10


def test_tasks_that_iterate_in_chunks_see_their_own_rows(firm):
    async def titles_of(user):
        async with as_user(user):
            rows = Ticket.objects.order_by("title").aiterator(chunk_size=1)
            return [row.title async for row in rows]

    async def both():
        answers = await asyncio.gather(titles_of(firm.ann), titles_of(firm.ben))
        await sync_to_async(connections.close_all)()
        return answers

    assert asyncio.run(both()) == [["acme 1", "acme 2"], ["bolt 1", "bolt 2"]]
