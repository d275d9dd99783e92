"""
What a pooler or a pool in between changes, and which settings are refused or warned of.

Features A17 and A18. The pooler is PgBouncer in transaction mode.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import connections, transaction
from django.test import override_settings
from psycopg import Connection, errors

from rls_perms import as_user
from rls_perms.backends.postgresql.base import DatabaseWrapper
from rls_perms.backends.postgresql.transport import RoleConnection
from rls_perms.exceptions import ConfigurationError, ContextRefused, PermissionDenied
from tests import bouncer, people
from tests.deployments import sync_pg_roles
from tests.office.models import Ticket
from tests.settings import PROJECT, RLS_PERMS
from tests.signed import SIGNED
from tests.wire import round_trips

pytestmark = pytest.mark.slow

LOGIN = f"{PROJECT}_web"
#: What the login alone may call.
ENTERING = "enter" if SIGNED else "session_role"
POOLED = {
    **RLS_PERMS,
    "DATABASES": [*RLS_PERMS["DATABASES"], "bounced", "another"],
    "SIGNED_TO_BACKEND": False,
}


@contextmanager
def bounced(**more: object) -> Iterator[None]:
    """The aliases ``bounced`` and ``another``, as of two processes, at one pooler."""
    bouncer.need()
    lines = more.pop("lines", "")
    with bouncer.pooling(PROJECT, LOGIN, more=str(lines)) as at:
        for alias in ("bounced", "another"):
            settings.DATABASES[alias] = {**settings.DATABASES["default"], **at, **more}
        try:
            with override_settings(RLS_PERMS=POOLED):
                yield
        finally:
            for alias in ("bounced", "another"):
                connections[alias].close()
                del connections[alias]
                del settings.DATABASES[alias]


@pytest.fixture
def pooler(db) -> Iterator[None]:
    with bounced(DISABLE_SERVER_SIDE_CURSORS=True):
        yield


@pytest.fixture
def cursors(db) -> Iterator[None]:
    """A pooler, and server-side cursors all the same."""
    with bounced():
        yield


@pytest.fixture
def askers(db):
    """A clerk in each of two tenants with two tickets each."""
    clerks = people.group("Clerks", "office.view_ticket")
    made = []
    for name in ("acme", "bolt"):
        tenant = people.tenant(name)
        for number in (1, 2):
            people.make(Ticket(tenant=tenant, title=f"{name} {number}"))
        made.append(people.user(f"{name}-clerk", tenant=tenant, groups=[clerks]))
    people.sync()
    return made


def titles(alias):
    return sorted(Ticket.objects.using(alias).values_list("title", flat=True))


def ask(alias, query):
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone() if cursor.description else None


ONE_QUERY, IN_TRANSACTION = 1, 2


def test_a_pooler_costs_no_round_trip(pooler, askers):
    with as_user(askers[0]):
        with round_trips("bounced") as alone:
            titles("bounced")
        with round_trips("bounced") as together, transaction.atomic("bounced"):
            titles("bounced")

    assert (alone.count, together.count) == (ONE_QUERY, IN_TRANSACTION)


def test_users_by_turns_on_the_sessions_of_a_pooler_see_their_own_rows(pooler, askers):
    ann, ben = askers
    seen = []
    for _ in range(4):
        with as_user(ann), transaction.atomic("bounced"):
            seen.append(titles("bounced"))
            with as_user(ben):
                seen.append(titles("another"))

    assert seen == [["acme 1", "acme 2"], ["bolt 1", "bolt 2"]] * 4


def test_without_a_context_a_pooler_has_the_bare_login(pooler, askers):
    with as_user(askers[0]):
        titles("bounced")

    with pytest.raises(PermissionDenied, match="the login role, without a context"):
        titles("another")
    assert ask("bounced", "SELECT current_user::text, current_setting('role')") == (LOGIN, "none")


def test_a_role_that_nobody_had_is_made_through_a_pooler(pooler, askers):
    group = people.group(f"Pooled {askers[0].pk}")
    askers[0].groups.through.objects.using("owner").create(user=askers[0], group=group)

    with as_user(askers[0]), transaction.atomic("bounced"):
        assert titles("bounced") == ["acme 1", "acme 2"]


def test_a_cursor_in_a_transaction_is_read_through_a_pooler(cursors, askers):
    with as_user(askers[0]), transaction.atomic("bounced"):
        rows = Ticket.objects.using("bounced").order_by("title").iterator(chunk_size=1)

        assert [one.title for one in rows] == ["acme 1", "acme 2"]


class Holder:
    """A client of the pooler that keeps one of its sessions: the one that it would give next."""

    def __init__(self) -> None:
        at = connections["bounced"].get_connection_params()
        self.connection = psycopg.connect(
            host=at["host"], port=at["port"], dbname=at["dbname"], user=at["user"], password="any"
        )

    def hold(self) -> None:
        self.connection.execute("SELECT 1")

    def release(self) -> None:
        self.connection.commit()


@pytest.fixture
def holder(cursors) -> Iterator[Holder]:
    made = Holder()
    yield made
    made.connection.close()


def by_one(alias):
    return Ticket.objects.using(alias).order_by("title").iterator(chunk_size=1)


def test_a_cursor_of_another_user_is_never_read_through_a_pooler(cursors, askers, holder):
    """
    Outside of a transaction it is declared in one session and may be read in another.

    By Django's own names, with numbers that begin anew in each process, that session may have
    another user's cursor of the same name.
    """
    ann, ben = askers
    holder.hold()
    with as_user(ann):
        anns = by_one("bounced")
        assert next(anns).title == "acme 1"
    holder.release()
    with as_user(ben):
        bens = by_one("another")
        assert next(bens).title == "bolt 1"
        holder.hold()

        with pytest.raises(errors.InvalidCursorName, match="does not exist"):
            next(bens)
    anns.close()


def test_a_role_that_others_left_in_a_session_ends_a_context_loudly(
    cursors, askers, holder, caplog
):
    """What raw SQL sets for the session is the pooler's to forget: server_reset_query_always."""
    role = people.role("system")
    holder.connection.autocommit = True
    holder.connection.execute(f"SET ROLE {role}")

    refused = pytest.raises(ContextRefused, match=rf"pooler.*function {ENTERING}")
    with caplog.at_level("INFO", "rls_perms.audit"), as_user(askers[0]), refused:
        titles("bounced")

    [told] = caplog.records
    assert (told.event, told.cause, told.database) == ("denied", "context", "bounced")


def test_a_role_that_others_left_in_a_session_holds_without_a_context(cursors, askers, holder):
    """Said in docs/servers.md, with what closes it: signed contexts, or what the next test has."""
    holder.connection.autocommit = True
    holder.connection.execute(f"SET ROLE {people.role('system')}")

    if SIGNED:
        with pytest.raises(ContextRefused, match="nothing proves the context of the role"):
            titles("bounced")
    else:
        assert len(titles("bounced")) == 4


def test_a_pooler_that_resets_after_each_transaction_keeps_no_role(db, askers):
    lines = "server_reset_query = DISCARD ALL\nserver_reset_query_always = 1"
    with bounced(lines=lines, DISABLE_SERVER_SIDE_CURSORS=True):
        holder = Holder()
        holder.connection.autocommit = True
        holder.connection.execute(f"SET ROLE {people.role('system')}")
        with as_user(askers[0]):
            seen = titles("bounced")
        with pytest.raises(PermissionDenied, match="without a context"):
            titles("bounced")
        holder.connection.close()

    assert seen == ["acme 1", "acme 2"]


# Settings


def said(alias):
    """What our checks of connections say of an alias with --database: ids and texts."""
    found = run_checks(databases=[alias])
    return [
        (one.id, f"{one.msg} {one.hint}") for one in found if one.id.startswith("rls_perms.W05")
    ]


def test_w050_server_side_cursors_through_a_pooler_are_warned_of(cursors):
    [(id, text)] = said("bounced")

    assert id == "rls_perms.W050"
    assert "DATABASES['bounced'] connects through a pooler and uses server-side cursors" in text
    assert "Set DATABASES['bounced']['DISABLE_SERVER_SIDE_CURSORS'] = True" in text


def test_w051_prepared_statements_through_a_pooler_are_warned_of(db):
    with bounced(DISABLE_SERVER_SIDE_CURSORS=True, OPTIONS={"prepare_threshold": 5}):
        [(id, text)] = said("bounced")

    assert id == "rls_perms.W051"
    assert "prepare_threshold is 5" in text
    assert "Remove prepare_threshold from OPTIONS" in text


def test_a_pooler_with_the_right_settings_is_not_warned_of(pooler):
    assert said("bounced") == []


@pytest.mark.parametrize("alias", ["default", "pooled", "server_side"])
def test_without_a_pooler_nothing_is_warned_of(db, alias):
    assert said(alias) == []


def test_a_pool_takes_connections_that_know_as_whom_statements_run(db):
    own = settings.DATABASES["default"]
    given = {**own, "OPTIONS": {"pool": {"connection_class": Connection}}}
    with pytest.raises(ConfigurationError) as raised:
        DatabaseWrapper(given, "default")

    assert '["pool"]["connection_class"] is Connection' in str(raised.value)
    assert "Let it inherit" in str(raised.value)


def test_a_pool_keeps_a_connection_class_that_inherits_ours(db):
    class Own(RoleConnection):
        """A project's."""

    given = {**settings.DATABASES["default"], "OPTIONS": {"pool": {"connection_class": Own}}}
    wrapper = DatabaseWrapper(given, "default")

    assert wrapper.settings_dict["OPTIONS"]["pool"]["connection_class"] is Own


def test_a_change_of_the_prefix_of_settings_is_found_by_a_sync_and_shows_nothing_until_then(
    db, askers
):
    with override_settings(RLS_PERMS={**RLS_PERMS, "GUC_PREFIX": "acme"}):
        checked = sync_pg_roles(check=True)
        connections["default"].close()
        with as_user(askers[0]):
            before = titles("default")
        synced = sync_pg_roles()
        with as_user(askers[0]):
            after = titles("default")
        connections["default"].close()
    sync_pg_roles()

    assert checked.status == 1
    assert "functions" in checked.out
    assert before == []
    assert synced.status == 0
    assert after == ["acme 1", "acme 2"]
    with as_user(askers[0]):
        assert titles("default") == ["acme 1", "acme 2"]
