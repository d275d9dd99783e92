"""SIGNED_CONTEXT: swapped in and out by setting and sync, with keys that rotate."""

import hashlib
import hmac
import json
import re
import time
from contextlib import contextmanager, nullcontext

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.test import override_settings

from rls_perms import as_role, as_system, as_user, signing
from rls_perms.checks import e030_login_with_a_role, w030_tokens_on_show
from rls_perms.conf import get_settings, parse
from rls_perms.context import Asker, Context
from rls_perms.exceptions import ConfigurationError, ContextRefused, PermissionDenied
from tests import bouncer, deployments, people
from tests.attacks import settings_of
from tests.deployments import sync_pg_roles
from tests.office.models import Contract, Document, Room, Ticket, User
from tests.people import NOBODY
from tests.wire import round_trips

KEY, OLD = "k" * 40, "o" * 40
ONE = Context(asker=Asker.USER, user="7", tenant="3", settings=(("rls_perms.region", "north"),))


@pytest.fixture(scope="module")
def deployment():
    """A database that was migrated for signed contexts, with a clerk and what she may read."""
    with settings_of(SIGNED_CONTEXT=True), deployments.empty() as made:
        deployments.migrate()
        acme = people.tenant("acme")
        made_by = people.group("Clerks", "office.view_ticket", "office.add_ticket")
        people.user("ann", tenant=acme, groups=[made_by])
        people.make(Ticket(tenant=acme, title="one"))
        bolt = people.tenant("bolt")
        people.user("ben", tenant=bolt, groups=[made_by])
        people.make(Ticket(tenant=bolt, title="two"))
        sync_pg_roles()
        yield made


@pytest.fixture
def ann(deployment):
    with settings_of(SIGNED_CONTEXT=True):
        yield User.objects.using("owner").select_related("tenant").get(username="ann")


@pytest.fixture
def synced_after(deployment, ann):
    """For a test that syncs with other settings."""
    yield
    with settings_of(SIGNED_CONTEXT=True):
        assert sync_pg_roles().status == 0


def titles(user):
    with as_user(user):
        return sorted(Ticket.objects.values_list("title", flat=True))


def policies(deployment, name):
    return deployment.value("SELECT count(*) FROM pg_policies WHERE policyname LIKE %s", name)


def enters(wire):
    return wire.messages.count("rls_perms.enter(")


# On and off


def test_migrate_alone_makes_a_database_that_takes_signed_contexts(deployment, ann):
    assert titles(ann) == ["one"]
    assert policies(deployment, "signed%") == policies(deployment, "system%") > 0


@pytest.mark.slow
def test_setting_and_sync_alone_swap_it_out_and_in(deployment, ann):
    before = deployment.rows("SELECT app, name FROM django_migrations")
    with settings_of(SIGNED_CONTEXT=False):
        out = sync_pg_roles()
        plain = titles(ann), policies(deployment, "signed%"), sync_pg_roles().out
        left = deployment.value("SELECT count(*) FROM rls_perms.signing_key")
    back = sync_pg_roles()

    assert "define signing keys" in out.out
    assert plain == (["one"], 0, "Nothing to do.\n")
    assert left == 0
    assert "define policies of office.Ticket" in back.out
    assert titles(ann) == ["one"]
    assert sync_pg_roles(check=True).status == 0
    assert deployment.rows("SELECT app, name FROM django_migrations") == before


def test_an_application_that_does_not_sign_is_told_so(deployment, ann):
    with settings_of(SIGNED_CONTEXT=False):
        with pytest.raises(ContextRefused, match="takes signed ones only") as user:
            titles(ann)
        with pytest.raises(ContextRefused, match="takes signed ones only"), as_role("clerk"):
            list(Ticket.objects.all())
        with pytest.raises(ContextRefused, match="takes signed ones only"), as_system(reason="x"):
            list(Ticket.objects.all())

    assert "sync_pg_roles" in str(user.value)


def test_a_database_that_does_not_take_signatures_yet_says_so(deployment, ann, synced_after):
    with settings_of(SIGNED_CONTEXT=False):
        sync_pg_roles()
    with pytest.raises(ContextRefused, match=r"is not set up for that\. Run sync"):
        titles(ann)


def test_a_plan_shows_no_key_and_says_that_there_are_new_ones(deployment, ann):
    with settings_of(SIGNED_CONTEXT=True, SIGNING_KEY=KEY):
        [key] = signing.keys(get_settings())
        said = sync_pg_roles(plan=True)

    assert said.out == "  define signing keys\n"
    assert key.inside.hex() not in said.out
    assert KEY not in repr(parse({"SIGNING_KEY": KEY}, settings.DATABASES))
    assert key.secret.hex() not in repr(key)


# What holds


def test_the_login_may_call_enter_and_nothing_else(deployment, ann):
    found = deployment.rows(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'rls_perms'::regnamespace"
        " AND has_function_privilege(%s, oid, 'EXECUTE')",
        deployment.web,
    )

    assert found == [("enter",)]


def test_every_kind_of_context_works(deployment, ann):
    with as_user(NOBODY, tenant=ann.tenant):
        nobody = Document.objects.count()
    with as_role("clerk", tenant=ann.tenant):
        clerk = list(Ticket.objects.values_list("title", flat=True))
    with as_system(reason="test"):
        system = Ticket.objects.count()
    with as_user(ann, tenant=None):
        no_tenant = Ticket.objects.count()

    assert (nobody, clerk, system, no_tenant) == (0, ["one"], 2, 0)


def test_a_role_that_nobody_had_is_made(deployment, ann):
    groups = [people.group("Clerks"), people.group("Odd")]
    newcomer = people.user(f"new{time.time_ns()}", tenant=ann.tenant, groups=groups)

    assert titles(newcomer) == ["one"]


def test_a_row_that_is_inserted_is_shown_to_who_inserts_it(deployment, ann):
    with as_user(ann), transaction.atomic():
        made = [Ticket(tenant=ann.tenant, title=f"t{number}") for number in range(3)]
        Ticket.objects.bulk_create(made)
        keys = {one.pk for one in made}
        transaction.set_rollback(True)

    assert len(keys) == 3
    assert None not in keys


def test_an_owner_needs_no_proof(deployment, ann):
    assert Ticket.objects.using("owner").count() == 2


# Round trips, and how often a context is entered


def test_a_transaction_enters_a_context_once(deployment, ann):
    connection.ensure_connection()
    with as_user(ann), round_trips() as wire, transaction.atomic():
        list(Ticket.objects.all())
        ann.groups.through.objects.filter(user=ann).first()
        list(Ticket.objects.all())

    assert enters(wire) == 1
    # BEGIN comes with the first statement.
    assert wire.count == 4


def test_each_transaction_of_a_context_enters_it_anew(deployment, ann):
    with as_user(ann), round_trips() as wire:
        list(Ticket.objects.all())
        list(Ticket.objects.all())

    assert (enters(wire), wire.count) == (2, 2)


def test_what_was_answered_counts_for_the_rest_of_a_context(deployment, ann):
    with as_user(ann), round_trips() as wire:
        list(Ticket.objects.all())
        list(Ticket.objects.all())

    first, second = re.findall(r"rls_perms\.enter\('[0-9a-f]{64}(\{.*?\})'\)", wire.messages)
    role = deployment.role("clerk")
    assert json.loads(first)["known"] is None
    assert json.loads(second)["known"] == {"role": role, "user": str(ann.pk)}


def test_after_a_savepoint_is_rolled_back_the_context_holds(deployment, ann):
    with as_user(ann), transaction.atomic():
        savepoint = transaction.savepoint()
        before = list(Ticket.objects.values_list("title", flat=True))
        transaction.savepoint_rollback(savepoint)

        assert list(Ticket.objects.values_list("title", flat=True)) == before == ["one"]


@pytest.mark.parametrize("block", [transaction.atomic, nullcontext], ids=["atomic", "autocommit"])
def test_an_open_cursor_tells_nobody_the_token_of_who_declared_it(deployment, ann, block):
    with block(), as_system(reason="a batch"):
        rows = Ticket.objects.order_by("title").iterator(chunk_size=1)
        first = next(rows).title
        with as_user(ann), connection.cursor() as cursor:
            cursor.execute("SELECT statement FROM pg_cursors")
            [(kept,)] = cursor.fetchall()
        others = [row.title for row in rows]

    assert kept.startswith("DECLARE")
    assert not {"enter", "proof"} & set(re.findall("[a-z]+", kept))
    assert [first, *others] == ["one", "two"]


@pytest.mark.parametrize(
    ("statement", "view"),
    [
        ("DECLARE kept CURSOR FOR SELECT 1", "pg_cursors"),
        ("/* kept */ DECLARE kept CURSOR FOR SELECT 1", "pg_cursors"),
        ("SELECT 1; DECLARE kept CURSOR FOR SELECT 1", "pg_cursors"),
        ("PREPARE kept AS SELECT 1", "pg_prepared_statements"),
    ],
)
def test_what_the_session_keeps_of_a_statement_is_the_statement_alone(
    deployment, ann, statement, view
):
    with transaction.atomic(), as_user(ann), connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.execute(f"SELECT statement FROM {view} WHERE name = 'kept'")
        kept = cursor.fetchall()
    connection.close()

    assert kept == [(statement,)]


def test_leaving_a_context_leaves_no_proof(deployment, ann):
    with transaction.atomic(), connection.cursor() as cursor:
        with as_user(ann):
            cursor.execute("SELECT length(current_setting('rls_perms.proof'))")
            [inside] = cursor.fetchone()
        Room.objects.count()
        cursor.execute("SELECT current_setting('rls_perms.proof', true), current_user::text")
        after = cursor.fetchone()

    assert inside > 64
    assert after == ("", deployment.web)


# Keys


@pytest.mark.slow
def test_of_two_keys_both_are_valid_until_one_is_rotated_out(deployment, ann, synced_after):
    with settings_of(SIGNED_CONTEXT=True, SIGNING_KEY=OLD):
        sync_pg_roles()
    with settings_of(SIGNED_CONTEXT=True, SIGNING_KEY=KEY, SIGNING_KEY_FALLBACKS=[OLD]):
        sync_pg_roles()
        new = titles(ann)
    with settings_of(SIGNED_CONTEXT=True, SIGNING_KEY=OLD):
        old = titles(ann)
    with settings_of(SIGNED_CONTEXT=True, SIGNING_KEY=KEY):
        sync_pg_roles()
        only = titles(ann)
    with (
        settings_of(SIGNED_CONTEXT=True, SIGNING_KEY=OLD),
        pytest.raises(ContextRefused, match="not signed with a key") as refused,
    ):
        titles(ann)

    assert new == old == only == ["one"]
    assert refused.value.sqlstate == "RP023"


def test_without_a_key_of_its_own_one_follows_from_the_secret_key_of_the_project(
    deployment, ann, synced_after
):
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        connections.close_all()
        with pytest.raises(ContextRefused, match="not signed with a key"):
            titles(ann)
        sync_pg_roles()
        after = titles(ann)
    connections.close_all()

    assert after == ["one"]
    # The old one is a fallback, still.
    assert titles(ann) == ["one"]


def test_a_database_without_its_own_key_says_so_and_sync_makes_another(deployment, ann):
    deployment.rows("DELETE FROM rls_perms.proof_key")
    with pytest.raises(ContextRefused, match="no key of its own") as refused:
        titles(ann)
    said = sync_pg_roles()

    assert refused.value.sqlstate == "RP027"
    assert said.out.startswith("  define signing keys\n")
    assert titles(ann) == ["one"]


def test_a_sync_leaves_the_databases_own_key_as_it_is(deployment, ann, synced_after):
    before = deployment.value("SELECT inside FROM rls_perms.proof_key")
    with settings_of(SIGNED_CONTEXT=True, SIGNING_KEY=KEY):
        sync_pg_roles()

    assert deployment.value("SELECT inside FROM rls_perms.proof_key") == before


def test_a_clock_that_is_behind_is_named(deployment, ann, monkeypatch):
    late = time.time() - 100
    monkeypatch.setattr(signing.time, "time", lambda: late)

    with pytest.raises(ContextRefused, match=r"expired 4\d.\d s ago.*compare the clocks"):
        titles(ann)


def test_a_pooler_between_that_changes_backends_is_named(deployment, ann, monkeypatch):
    token = signing.Signer.token
    changed = lambda self, context, *, backend, **more: token(self, context, backend=1, **more)  # noqa: E731
    monkeypatch.setattr(signing.Signer, "token", changed)
    with pytest.raises(ContextRefused, match=r"SIGNED_TO_BACKEND.*False"):
        titles(ann)
    with settings_of(SIGNED_CONTEXT=True, SIGNED_TO_BACKEND=False):
        assert titles(ann) == ["one"]


# Through PgBouncer


@contextmanager
def pooled(deployment, monkeypatch, **named):
    """The alias of the login at a pooler in transaction mode."""
    bouncer.need()
    connections.close_all()
    with (
        bouncer.pooling(deployment.name, deployment.web, **named) as at,
        monkeypatch.context() as m,
    ):
        for key, value in {**at, "DISABLE_SERVER_SIDE_CURSORS": True}.items():
            m.setitem(connections["default"].settings_dict, key, value)
        yield
        connections.close_all()


@pytest.mark.slow
def test_through_pgbouncer_contexts_are_signed_for_no_backend(deployment, ann, monkeypatch):
    ben = User.objects.using("owner").select_related("tenant").get(username="ben")
    newcomer = people.user("newcomer", tenant=ann.tenant, groups=[people.group("Newcomers")])
    system, seen = deployment.role("system"), []
    with pooled(deployment, monkeypatch):
        with pytest.raises(ContextRefused, match=r"SIGNED_TO_BACKEND.*False") as to_another:
            titles(ann)
        with settings_of(SIGNED_CONTEXT=True, SIGNED_TO_BACKEND=False):
            for _ in range(3):
                seen.append(titles(ann))
                with as_user(ann), transaction.atomic():
                    with as_user(ben):
                        seen.append(titles(ben))
                    seen.append(titles(ann))
            with pytest.raises(PermissionDenied, match="permission denied"):
                titles(newcomer)
            forging = f"SET ROLE {system}; SELECT * FROM office_ticket"
            with pytest.raises(ContextRefused) as forged, as_user(ann):
                connection.cursor().execute(forging)
            with pytest.raises(PermissionDenied, match="without a context"):
                Ticket.objects.count()

    assert to_another.value.sqlstate == "RP026"
    assert seen == [["one"], ["two"], ["one"]] * 3
    assert forged.value.sqlstate == "RP022"


@pytest.mark.slow
def test_a_role_that_somebody_left_in_a_session_of_a_pooler_is_named(deployment, ann, monkeypatch):
    with pooled(deployment, monkeypatch):
        own = connections["default"].settings_dict
        with psycopg.connect(
            host=own["HOST"],
            port=own["PORT"],
            dbname=own["NAME"],
            user=deployment.web,
            autocommit=True,
        ) as other:
            other.execute(f"SET ROLE {deployment.role('system')}")
        with pytest.raises(ContextRefused, match=r"pooler.*permission denied for function enter"):
            titles(ann)


@pytest.mark.slow
def test_a_pooler_that_calls_the_database_otherwise_is_refused(deployment, ann, monkeypatch):
    signed = settings_of(SIGNED_CONTEXT=True, SIGNED_TO_BACKEND=False)
    refused = pytest.raises(ContextRefused, match="in a pooler between")
    with signed, pooled(deployment, monkeypatch, name="acme_read"), refused as by_name:
        titles(ann)

    assert by_name.value.sqlstate == "RP025"


# Tokens and keys as values


def signer(**given):
    return signing.Signer(parse({"SIGNING_KEY": KEY, **given}, settings.DATABASES), "acme")


def token(**given):
    return signer(**given).token(ONE, backend=11, make=False, parameters=True)


def test_a_token_is_a_signature_and_the_json_text_that_it_signs():
    made = token()
    signature, body = made[:64], made[64:]
    secret = hmac.new(KEY.encode(), b"rls_perms.signing", hashlib.sha256).digest()

    assert signature == hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()
    assert 55 < json.loads(body).pop("expires") - time.time() <= 60.1
    assert {name: one for name, one in json.loads(body).items() if name != "expires"} == {
        "asker": "user",
        "user": "7",
        "tenant": "3",
        "role": None,
        "settings": {"region": "north"},
        "database": "acme",
        "backend": 11,
        "known": None,
        "in_tenant": False,
        "make": False,
        "parameters": True,
    }


def test_a_token_need_not_name_a_backend():
    assert json.loads(token(SIGNED_TO_BACKEND=False)[64:])["backend"] is None


def test_the_padded_blocks_of_a_key_are_those_of_hmac():
    [key] = signing.keys(signer().conf)
    inside = hashlib.sha256(key.inside + b"text").digest()

    assert hashlib.sha256(key.outside + inside).hexdigest() == key.sign("text")


@pytest.mark.parametrize("name", ["SIGNING_KEY", "SIGNING_KEY_FALLBACKS"])
def test_a_short_key_is_refused_without_being_said(name):
    with pytest.raises(ConfigurationError, match="at least 32 letters") as refused:
        parse({name: "topsecret" if name == "SIGNING_KEY" else ["topsecret"]}, settings.DATABASES)

    assert name in str(refused.value)
    assert "topsecret" not in str(refused.value)


@pytest.mark.parametrize("seconds", [0, 3601, 1.5, True, "60"])
def test_seconds_that_are_none_are_refused(seconds):
    with pytest.raises(ConfigurationError, match=re.escape('RLS_PERMS["SIGNED_SECONDS"]')):
        parse({"SIGNED_SECONDS": seconds}, settings.DATABASES)


# Checks


@pytest.fixture
def odd_login(deployment):
    """A login whose name needs quotes in SQL."""
    login = f"{deployment.name}_web-2"
    deployment.rows(f'CREATE ROLE "{login}" LOGIN')
    with settings_of(LOGIN_ROLES=[login]):
        yield login
    deployment.rows(f'DROP ROLE "{login}"')


def run_hint(deployment, hint):
    """Run the statement that *hint* says, as it stands there."""
    deployment.rows(re.search(r"[Rr]un: (.+?);", hint)[1])


@pytest.mark.parametrize("where", ["", "IN DATABASE {}"])
@pytest.mark.parametrize(("name", "value"), [("role", "system"), ("rls_perms.tenant_id", "1")])
def test_e030_finds_what_a_login_brings_into_each_new_connection(
    deployment, odd_login, where, name, value
):
    quiet = list(e030_login_with_a_role.check(databases=["owner"]))
    value = deployment.role("system") if name == "role" else value
    where = where.format(deployment.name)
    deployment.rows(f"ALTER ROLE \"{odd_login}\" {where} SET {name} = '{value}'")
    [found] = e030_login_with_a_role.check(databases=["owner"])
    run_hint(deployment, found.hint)

    assert quiet == list(e030_login_with_a_role.check(databases=["owner"])) == []
    assert f"Every new connection of '{odd_login}' begins with {name} = '{value}'" in found.msg
    assert list(e030_login_with_a_role.check(databases=None)) == []


def test_w030_says_where_tokens_can_be_read_and_taken(deployment, odd_login):
    bound = list(w030_tokens_on_show.check(databases=["owner"]))
    with settings_of(LOGIN_ROLES=[odd_login], SIGNED_CONTEXT=True, SIGNED_TO_BACKEND=False):
        [found] = w030_tokens_on_show.check(databases=["owner"])
        run_hint(deployment, found.hint)
        off = list(w030_tokens_on_show.check(databases=["owner"]))

    assert bound == off == []
    assert f"shows '{odd_login}' what its sessions run" in found.msg


# Keys of several columns, of any type


def test_a_row_with_a_uuid_for_a_key_is_shown_to_who_inserts_it(deployment, ann):
    groups = [people.group("Makers", "office.add_contract")]
    maker = people.user(f"maker{time.time_ns()}", tenant=ann.tenant, groups=groups)
    with as_user(maker), transaction.atomic():
        made = Contract.objects.create(tenant=ann.tenant, title="x")
        transaction.set_rollback(True)

    assert made.pk is not None
