"""Audit events (PARITY A29): contexts, elevations, denials; to a log and to a signal."""

import contextlib
import logging

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.test import Client, RequestFactory, override_settings

from rls_perms import (
    NoContext,
    PermissionDenied,
    as_context,
    as_role,
    as_system,
    as_tenant,
    as_user,
    current_context,
    loud_denials,
)
from rls_perms.audit import Kind, audited
from rls_perms.exceptions import ContextRefused
from rls_perms.resolvers import choose_tenant
from rls_perms.testing import without_owner
from tests import people
from tests.office.models import Document, Room
from tests.settings import PROJECT, RLS_PERMS
from tests.signed import SIGNED
from tests.studio.models import Campaign

LOG = "rls_perms.audit"
CLERK = f"{PROJECT}_clerk"

#: Values of rows, none of which may be in any event.
SECRETS = ("top secret title", "another secret", "3141592")


@pytest.fixture
def office(db):
    return Office()


class Office:
    def __init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        clerks = people.group(
            "Clerks",
            *(f"office.{one}_document" for one in ("view", "add", "change", "delete")),
        )
        self.ann = people.user("ann", tenant=self.acme, groups=[clerks])
        self.bob = people.user("bob", tenant=self.acme)
        self.boss = people.user("boss", is_superuser=True)
        self.one = people.make(Document(pk=3141592, tenant=self.acme, title=SECRETS[0]))
        self.closed = people.make(Document(tenant=self.acme, title=SECRETS[1], closed=True))
        people.sync()


@pytest.fixture
def log(caplog):
    """The log from here on, DEBUG too."""
    with caplog.at_level("DEBUG", LOG):
        yield caplog


def fields(record):
    """The documented fields of a record of the log that are set."""
    names = ("event", "asker", "user", "tenant", "role", "database", "reason", "cause", "model")
    found = {name: getattr(record, name) for name in (*names, "action", "sqlstate")}
    return {name: value for name, value in found.items() if value is not None}


def told(log, kind):
    return [fields(one) for one in log.records if one.name == LOG and one.event == kind]


def lines(log):
    return [one.getMessage() for one in log.records if one.name == LOG]


@contextlib.contextmanager
def listening(receiver, **options):
    audited.connect(receiver, weak=False, **options)
    try:
        yield
    finally:
        audited.disconnect(receiver, **options)


def denied(statement):
    with pytest.raises(PermissionDenied), transaction.atomic():
        statement()


def raw(query, *params):
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall() if cursor.description else None


# Contexts


def test_a_context_is_told_once_with_the_role_that_it_got(office, log):
    with as_user(office.ann):
        list(Document.objects.all())
        list(Document.objects.all())

    assert told(log, "entered") == [
        {
            "event": "entered",
            "asker": "user",
            "user": str(office.ann.pk),
            "tenant": str(office.acme.pk),
            "role": CLERK,
            "database": "default",
        }
    ]
    assert [one.getMessage() for one in log.records] == [
        f"context entered: user {office.ann.pk} in tenant {office.acme.pk} (role {CLERK})"
    ]


def test_contexts_are_told_at_debug_alone(office, caplog):
    with caplog.at_level("INFO", LOG), as_user(office.ann):
        list(Document.objects.all())

    assert caplog.records == []


def test_a_context_that_asks_nothing_is_not_told(office, log):
    with as_user(office.ann):
        pass

    assert log.records == []


def test_each_entry_is_told(office, log):
    with as_user(office.ann):
        list(Document.objects.all())
        with as_tenant(office.bolt):
            list(Document.objects.all())
    with as_user(AnonymousUser(), tenant=office.acme):
        list(Document.objects.all())
    with as_role("clerk", tenant=office.acme):
        list(Document.objects.all())

    assert [(one.asker, one.tenant, one.role) for one in log.records] == [
        ("user", str(office.acme.pk), CLERK),
        ("user", str(office.bolt.pk), CLERK),
        ("anonymous", str(office.acme.pk), f"{PROJECT}_anonymous"),
        ("role", str(office.acme.pk), CLERK),
    ]


def test_a_request_is_told_once(office, log):
    client = Client()
    client.force_login(office.ann)

    client.get("/documents/")

    assert [(one.event, one.user) for one in log.records] == [("entered", str(office.ann.pk))]


# Elevations


def test_the_system_is_told_with_its_reason_when_it_is_entered(office, log):
    with as_system(reason="nightly invoices"):
        told_before_any_query = told(log, "elevated")

    assert told_before_any_query == [
        {"event": "elevated", "asker": "system", "reason": "nightly invoices"}
    ]
    assert log.records[0].levelno == logging.INFO
    assert log.records[0].getMessage() == "system role entered: nightly invoices"


def test_a_restored_context_of_the_system_is_told_again_with_its_reason(office, log):
    with as_system(reason="nightly invoices"):
        context = current_context()

    with as_context(context):
        pass

    assert [one.reason for one in log.records] == ["nightly invoices"] * 2


def test_a_superuser_without_a_tenant_is_told(office, log):
    with as_user(office.boss):
        list(Document.objects.all())

    assert told(log, "elevated") == [
        {
            "event": "elevated",
            "asker": "user",
            "user": str(office.boss.pk),
            "role": f"{PROJECT}_system",
            "database": "default",
            "reason": "without a tenant",
        }
    ]


def test_the_role_of_superusers_is_told(office, log):
    with as_role("superuser", tenant=office.acme):
        pass

    assert told(log, "elevated") == [
        {
            "event": "elevated",
            "asker": "role",
            "tenant": str(office.acme.pk),
            "reason": "as_role('superuser')",
        }
    ]
    assert log.records[0].getMessage() == (
        f"superuser role entered: no user in tenant {office.acme.pk}, as_role('superuser')"
    )


def test_the_role_of_superusers_is_told_when_it_is_restored(office, log):
    with as_role("superuser", tenant=office.acme):
        context = current_context()

    with as_context(context):
        pass

    assert [one.reason for one in log.records] == ["as_role('superuser')"] * 2


def test_an_elevation_that_cannot_be_told_is_not_entered(office):
    def fail(**kwargs):
        raise KeyError("the audit log is full")

    with listening(fail), pytest.raises(KeyError), as_system(reason="test"):
        pytest.fail("entered")

    assert current_context() is None


def test_an_elevation_of_a_superuser_that_cannot_be_told_shows_no_row(office):
    def fail(**kwargs):
        raise KeyError("the audit log is full")

    with listening(fail, sender=Kind.ELEVATED), as_user(office.boss), pytest.raises(KeyError):
        list(Document.objects.all())


# Denials


def whole(office, **what):
    """The event of a denial of ann's."""
    return {
        "event": "denied",
        "asker": "user",
        "user": str(office.ann.pk),
        "tenant": str(office.acme.pk),
        "role": CLERK,
        "database": "default",
        **what,
    }


def test_a_new_row_that_does_not_pass_is_told(office, log):
    with as_user(office.ann):
        denied(lambda: Document.objects.filter(pk=office.one.pk).update(tenant=office.bolt))

    assert told(log, "denied") == [
        whole(office, cause="policy", model="office.Document", action="change", sqlstate="42501")
    ]
    assert log.records[-1].levelno == logging.INFO


def test_raw_sql_that_is_denied_is_told(office, log):
    with as_user(office.ann):
        denied(lambda: raw("UPDATE office_document SET tenant_id = %s", office.bolt.pk))
        denied(lambda: raw("SELECT * FROM auth_group"))

    assert told(log, "denied") == [
        whole(office, cause="policy", model="office.Document", sqlstate="42501"),
        whole(office, cause="privilege", model="auth.Group", sqlstate="42501"),
    ]


def test_a_table_that_is_closed_is_told(office, log):
    with as_user(office.bob):
        denied(lambda: Document.objects.create(tenant=office.acme, title="bobs"))

    assert [(one["cause"], one["model"], one["action"]) for one in told(log, "denied")] == [
        ("privilege", "office.Document", "add")
    ]


@pytest.mark.parametrize("change", [
    lambda row: row.save(),
    lambda row: Document.objects.bulk_update([row], ["title"]),
    lambda row: loud_denials()(Document.objects.filter(pk=row.pk).update)(title="x"),
], ids=["save", "bulk_update", "loud"])  # fmt: skip
def test_rows_that_are_passed_over_are_told_once(office, log, change):
    with as_user(office.ann):
        row = Document.objects.get(pk=office.closed.pk)
        denied(lambda: change(row))

    assert told(log, "denied") == [
        whole(office, cause="passed over", model="office.Document", action="change")
    ]


def test_without_a_context_a_denial_names_nobody(office, log):
    denied(lambda: list(Document.objects.all()))

    assert told(log, "denied") == [
        {
            "event": "denied",
            "database": "default",
            "cause": "privilege",
            "model": "office.Document",
            "action": "view",
            "sqlstate": "42501",
        }
    ]
    assert log.records[0].getMessage() == (
        "denied: the login role, without a context: view office.Document (privilege)"
    )


def resolving_by(path):
    return override_settings(RLS_PERMS={**RLS_PERMS, "TENANT_RESOLVER": path})


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def refused(office, tenant):
    """The event of a tenant in which ann may not work."""
    asked = {"asker": "user", "user": str(office.ann.pk), "tenant": tenant}
    return {"event": "denied", **asked, "cause": "tenant"}


@resolving_by("tests.test_audit.foreign")
def test_a_foreign_tenant_is_told(office, log):
    response = browser(office.ann).get("/documents/")

    assert response.status_code == 403
    assert told(log, "denied") == [refused(office, "987654")]


def foreign(request):
    return "987654"


@resolving_by("rls_perms.resolvers.from_header")
@pytest.mark.parametrize("named", ["bolt", "987654", "no key"])
def test_a_header_with_a_tenant_of_others_is_told_whether_there_is_one_or_not(office, log, named):
    key = str(office.bolt.pk) if named == "bolt" else named

    response = browser(office.ann).get("/documents/", headers={"X-Tenant": key})

    assert response.status_code == 403
    assert told(log, "denied") == [refused(office, key)]
    assert lines(log) == [f"denied: user {office.ann.pk} in tenant {key}: a request (tenant)"]


@resolving_by("rls_perms.resolvers.from_header")
def test_a_tenant_that_a_visitor_names_is_told(office, log):
    Client().get("/documents/", headers={"X-Tenant": "987654"})

    assert [(one["asker"], one["tenant"]) for one in told(log, "denied")] == [
        ("anonymous", "987654")
    ]


@resolving_by("tests.test_audit.asked_for")
def test_a_request_writes_no_line_of_its_own_into_the_log(office, log):
    browser(office.ann).get("/documents/", {"tenant": "7\ndenied: nobody"})

    assert told(log, "denied") == [refused(office, "7\ndenied: nobody")]
    assert [one for one in lines(log) if "\n" in one] == []


def asked_for(request):
    return request.GET["tenant"]


def test_a_choice_of_a_tenant_of_others_is_told(office, log):
    request = RequestFactory().get("/")
    request.user, request.session = office.ann, {}
    for tenant in (office.bolt, 987654):
        with pytest.raises(PermissionDenied):
            choose_tenant(request, tenant)

    assert told(log, "denied") == [
        refused(office, str(office.bolt.pk)),
        refused(office, "987654"),
    ]


@override_settings(ROOT_URLCONF="tests.studio.urls")
@resolving_by("rls_perms.resolvers.from_session")
def test_a_switch_to_a_tenant_of_others_is_told(office, log):
    response = browser(office.ann).post("/switch/", {"tenant": office.bolt.pk})

    assert response.status_code == 403
    assert told(log, "denied") == [refused(office, str(office.bolt.pk))]


@pytest.mark.parametrize(("change", "action"), [
    (lambda one: Campaign.objects.bulk_create([one]), "add"),
    (lambda one: Campaign.objects.bulk_update([one], ["name"]), "change"),
    (lambda one: Campaign.objects.update(tenant=one.tenant), "change"),
], ids=["bulk_create", "bulk_update", "update"])  # fmt: skip
def test_a_row_of_another_tenant_is_told_though_no_statement_is_sent(office, log, change, action):
    row = Campaign(pk=5, tenant=office.bolt, name=SECRETS[0])
    with as_user(office.ann):
        denied(lambda: change(row))

    assert told(log, "denied") == [
        {
            **refused(office, str(office.acme.pk)),
            "model": "studio.Campaign",
            "action": action,
        }
    ]
    assert [one for one in lines(log) if SECRETS[0] in one] == []


@pytest.fixture
def strict(office):
    with override_settings(RLS_PERMS={**RLS_PERMS, "STRICT_MODE": True}), without_owner():
        yield


@pytest.mark.parametrize(("ask", "what"), [
    (lambda: list(Document.objects.all()), {"action": "view"}),
    (lambda: Document.objects.update(title="x"), {"action": "change"}),
    (lambda: Document.objects.create(title="x", tenant_id=1), {"action": "add"}),
    (lambda: list(Room.objects.filter(pk__in=Document.objects.values("pk"))), {"action": "view"}),
    (lambda: raw("DELETE FROM office_document"), {}),
], ids=["select", "update", "insert", "subquery", "raw"])  # fmt: skip
def test_a_statement_that_strict_mode_refuses_is_told(strict, log, ask, what):
    with pytest.raises(NoContext):
        ask()

    assert told(log, "denied") == [
        {
            "event": "denied",
            "database": "default",
            "cause": "context",
            "model": "office.Document",
            **what,
        }
    ]


def test_a_context_that_the_database_does_not_take_is_told(office, log):
    function = "rls_perms.enter(text)" if SIGNED else "rls_perms.session_role(text, text)"
    with people.owner_cursor() as cursor:
        cursor.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM {PROJECT}_web")
    with as_user(office.ann), pytest.raises(ContextRefused), transaction.atomic():
        Document.objects.count()

    event = {**refused(office, str(office.acme.pk)), "cause": "context"}
    assert told(log, "denied") == [{**event, "database": "default", "sqlstate": "42501"}]


def test_a_denial_is_raised_though_a_receiver_fails(office, caplog):
    def fail(**kwargs):
        raise KeyError("the audit log is full")

    with listening(fail, sender=Kind.DENIED):
        denied(lambda: list(Document.objects.all()))

    assert "the audit log is full" in caplog.text


def test_what_is_no_denial_is_not_told(office, log):
    with as_user(office.ann), pytest.raises(IntegrityError), transaction.atomic():
        Document.objects.create(pk=office.one.pk, tenant=office.acme, title="twice")

    assert told(log, "denied") == []


# No values of rows


RAISING = """
CREATE FUNCTION pg_temp_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no row with %, %', OLD.title, OLD.id
        USING ERRCODE = 'insufficient_privilege', DETAIL = OLD.title, HINT = OLD.title;
END
$$;
CREATE TRIGGER refuse BEFORE UPDATE ON office_document
    FOR EACH ROW EXECUTE FUNCTION pg_temp_refuse();
"""


@pytest.fixture
def refusing(office):
    """A trigger of the project's own, which tells everything that it knows."""
    with people.owner_cursor() as cursor:
        cursor.execute(RAISING)
        yield
        cursor.execute("DROP FUNCTION pg_temp_refuse() CASCADE")


def test_no_event_has_a_value_of_a_row(office, refusing, log):
    events = []

    with listening(lambda event, **kwargs: events.append(event)):
        with as_user(office.ann):
            denied(lambda: Document.objects.filter(pk=office.one.pk).update(title=SECRETS[1]))
            denied(lambda: Document.objects.create(tenant=office.bolt, title=SECRETS[0]))
            denied(lambda: raw("UPDATE office_document SET title = %s", SECRETS[1]))
            row = Document.objects.get(pk=office.closed.pk)
            denied(lambda: row.save())
            denied(lambda: raw("SELECT %s FROM auth_group", SECRETS[0]))
        with as_user(office.bob):
            denied(lambda: Document.objects.create(tenant=office.acme, title=SECRETS[0]))
        with as_system(reason="test"):
            assert Document.objects.get(pk=office.one.pk).title == SECRETS[0]

    written = [f"{one.getMessage()} {one.__dict__}" for one in log.records if one.name == LOG]
    causes = {event.cause for event in events}
    assert {"other", "policy", "passed over", "privilege"} <= causes
    assert len(written) == len(events)
    assert [one for one in (*written, *map(str, events)) if any(s in one for s in SECRETS)] == []


# The signal


def test_a_receiver_gets_the_event_and_may_ask_for_one_kind(office):
    every, some = [], []

    with (
        listening(lambda event, **kwargs: every.append(str(event))),
        listening(lambda event, **kwargs: some.append(event), sender=Kind.ELEVATED),
        as_system(reason="test"),
    ):
        list(Document.objects.all())

    assert every == [
        "system role entered: test",
        f"context entered: the system (role {PROJECT}_system)",
    ]
    assert [(one.kind, one.reason) for one in some] == [(Kind.ELEVATED, "test")]


def test_a_receiver_may_ask_the_database(office):
    counts = []

    with (
        listening(lambda event, **kwargs: counts.append(Document.objects.count())),
        as_user(office.ann),
    ):
        first = Document.objects.count()

    assert (first, counts) == (2, [2])


def test_events_of_another_thread_or_context_do_not_meet(office, log):
    with as_user(office.ann), contextlib.suppress(PermissionDenied), as_user(office.bob):
        raw("SELECT * FROM auth_group")

    assert [one.user for one in log.records] == [str(office.bob.pk)] * 2
