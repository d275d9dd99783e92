"""rls_show tells what is declared, what the database holds, and what differs."""

import datetime
import io
import json
import os
import re
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections, models
from django.db.models import F, OuterRef, Q
from django.db.models.functions import Lower

from rls_perms import (
    ANONYMOUS,
    EVERYONE,
    INSERT,
    SELECT,
    UPDATE,
    CurrentTenant,
    CurrentUser,
    Exists,
    Group,
    ObjectPermissions,
    OwnerPolicy,
    Permission,
    Policy,
    Role,
    RowSecurity,
    Setting,
)
from rls_perms.explain import condition_words, report, show
from rls_perms.explain.report import WIDE, lines
from rls_perms.explain.rules import rules
from tests import people
from tests.office.models import Case, Document, Task, Ticket
from tests.settings import PROJECT

#: Written anew by a run with RLS_PERMS_REWRITE=1; look at the difference.
GOLDEN = Path(__file__).parent / "golden" / "rls_show_ticket.txt"


def said(*labels, **options):
    """The report, with "acme" for the name of this process's database."""
    out = io.StringIO()
    call_command("rls_show", *labels, stdout=out, no_color=True, **options)
    return out.getvalue().replace(PROJECT, "acme")


@pytest.fixture
def changed(drop_policies):
    """Run a statement as the owner; the policies are written anew after the test."""

    def run(statement):
        with connections["owner"].cursor() as cursor:
            cursor.execute(statement)

    yield run
    run("ALTER TABLE office_ticket ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    run("DROP POLICY IF EXISTS mine ON office_ticket")
    run("DROP POLICY IF EXISTS mine ON office_room")
    run("ALTER TABLE office_room DISABLE ROW LEVEL SECURITY")


@pytest.fixture
def synced(db):
    people.sync()


def test_a_report_in_full(synced, monkeypatch):
    monkeypatch.setattr(report, "NARROW", 10_000)

    if "RLS_PERMS_REWRITE" in os.environ:
        GOLDEN.write_text(said("office.Ticket"))

    assert said("office.Ticket") == GOLDEN.read_text()


def test_a_second_run_says_the_same(synced):
    assert said() == said()


def test_on_a_wide_terminal_both_stand_side_by_side(synced):
    [table] = show(connections["owner"], [Ticket])
    texts = [line.text for line in lines([table], WIDE)]

    assert max(map(len, texts)) <= WIDE
    at = next(n for n, text in enumerate(texts) if text.strip() == "system select")
    assert re.fullmatch(r" {6}declared: +\| in the database:", texts[at + 1])
    assert re.fullmatch(r" {6}FOR SELECT TO .* +\| FOR SELECT TO .*", texts[at + 2])


def test_on_a_narrow_one_no_line_is_longer_than_it(synced):
    shown = show(connections["owner"], [Document])

    assert max(len(line.text) for line in lines(shown, 80)) <= 80


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("columns", "sides"), [("160", True), ("80", False)])
def test_the_command_asks_the_terminal_for_its_width(synced, monkeypatch, columns, sides):
    monkeypatch.setenv("COLUMNS", columns)
    out = Terminal()

    call_command("rls_show", "office.Ticket", stdout=out, no_color=True)

    assert (" | in the database:" in out.getvalue()) == sides
    assert "\x1b[" not in out.getvalue()


def test_colours_mark_headings_and_differences(synced, changed):
    changed('DROP POLICY "floor update" ON office_ticket')
    out = Terminal()

    call_command("rls_show", "office.Ticket", stdout=out, force_color=True)

    assert re.search(r"\x1b\[[\d;]+m! Policy 'floor update' is missing\.\x1b\[0m", out.getvalue())


# What differs


def differences(*labels):
    return [line for line in said(*(labels or ["office.Ticket"])).splitlines() if "! " in line[:5]]


def test_nothing_differs_after_a_sync(synced):
    assert differences() == []
    assert "\n  As declared.\n" in said("office.Ticket")
    assert said("office.Ticket", check=True) == "As declared: 1 model.\n"
    assert re.fullmatch(r"As declared: \d+ models\.\n", said(check=True))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            'DROP POLICY "floor update" ON office_ticket',
            [
                "! The policies were changed since they were made. sync_pg_roles makes them anew.",
                "! Policy 'floor update' is missing.",
            ],
        ),
        (
            "CREATE POLICY mine ON office_ticket USING (true)",
            ["! Policy 'mine' is not declared."],
        ),
        (
            'ALTER POLICY "floor update" ON office_ticket USING (true)',
            ["! The policies were changed since they were made. sync_pg_roles makes them anew."],
        ),
        (
            'ALTER POLICY "floor update" ON office_ticket TO PUBLIC',
            ["! Policy 'floor update' is different from what is declared (roles)."],
        ),
        (
            "ALTER TABLE office_ticket DISABLE ROW LEVEL SECURITY",
            [
                "! Row security does not hold for everybody.",
                "! Row security is off: no policy holds.",
            ],
        ),
        (
            "ALTER TABLE office_ticket NO FORCE ROW LEVEL SECURITY",
            ["! Row security is not forced: it does not hold for the owner of the table."],
        ),
        (
            "DROP TRIGGER zz_rls_perms_new_row ON office_ticket",
            ["! Trigger 'zz_rls_perms_new_row' is missing: who makes a row may not see it made."],
        ),
    ],
)
def test_a_difference_is_marked_and_check_fails(synced, changed, statement, found):
    changed(statement)

    marked = differences()
    assert [one for one in found if one not in marked] == []
    assert said("office.Ticket")
    with pytest.raises(CommandError, match=r"Not as declared: office\.Ticket\."):
        said("office.Ticket", "office.Project", check=True)


def test_check_prints_what_differs_and_nothing_else(synced, changed, capsys):
    changed("CREATE POLICY mine ON office_ticket USING (title IS NULL)")

    with pytest.raises(CommandError):
        call_command("rls_show", "office.Ticket", "office.Project", check=True, no_color=True)

    assert capsys.readouterr().out.splitlines() == [
        "office.Ticket (table office_ticket)",
        "! Not as declared.",
        "! Policy 'mine' is not declared.",
        "",
        "  ! mine: not declared",
        "      declared:",
        "        (nothing)",
        "      in the database:",
        "        FOR ALL TO public",
        "        USING (title IS NULL)",
        "",
        "As declared: 1 model.",
    ]


def test_check_says_where_changed_policies_can_be_compared(synced, changed, capsys):
    changed('ALTER POLICY "floor update" ON office_ticket USING (title IS NULL)')

    with pytest.raises(CommandError):
        call_command("rls_show", "office.Ticket", check=True, no_color=True)

    assert capsys.readouterr().out.splitlines() == [
        "office.Ticket (table office_ticket)",
        "! The policies were changed since they were made. sync_pg_roles makes them anew.",
        "  Both texts of each policy: manage.py rls_show office.Ticket",
        "",
        "As declared: 0 models.",
    ]


def test_policies_of_a_changed_table_are_to_be_compared_and_both_texts_are_there(synced, changed):
    changed('ALTER POLICY "floor update" ON office_ticket USING (title IS NULL)')

    text = said("office.Ticket")

    assert "  ! floor update: compare the conditions\n" in text
    assert """"tenant_id" = (SELECT rls_perms.tenant_id()))""" in text
    assert "USING (title IS NULL)" in text


def test_a_policy_that_nobody_declared_is_shown_with_what_it_says(synced, changed):
    changed("CREATE POLICY mine ON office_ticket FOR ALL TO PUBLIC USING (title = 'x')")

    text = said("office.Ticket")

    assert "  ! mine: not declared\n      declared:\n        (nothing)\n" in text
    assert "FOR ALL TO public\n        USING ((title)::text = 'x'::text)" in text
    assert "    public: every role of the cluster\n" in text


def test_a_declaration_that_is_not_migrated(synced, monkeypatch):
    other = RowSecurity(name="office_ticket_rls", tenant="tenant", policies=[ObjectPermissions()])
    monkeypatch.setattr(Ticket._meta, "constraints", [other])

    marked = differences()

    assert marked[0] == (
        "! The policies were made of another declaration. Run makemigrations and migrate; until "
        "then only the owner may use the table."
    )
    assert "! Policy 'object grants select' is missing." in marked
    assert (
        "! View 'rls_perms.office_ticket_view_user' is missing: object permissions count only "
        "after sync_pg_roles."
    ) in marked


def test_a_table_that_is_not_there(synced, monkeypatch):
    monkeypatch.setattr(Ticket._meta, "db_table", "office_tickets")

    assert said("office.Ticket") == (
        "office.Ticket (table office_tickets)\n! The table is missing. Run migrate.\n"
    )


# Models without a declaration


def test_a_model_without_a_declaration_is_said_to_be_so(synced):
    assert said("office.Room", "auth.Group") == (
        "office.Room (table office_room)\n"
        "  Declares no row security: open to every session role, as in plain Django.\n"
        "\n"
        "auth.Group (table auth_group)\n"
        "  Declares no row security: a table of Django's framework, which only the login reads and "
        "writes.\n"
    )


def test_without_a_name_all_declared_models_are_shown_and_the_others_named(synced):
    text = said()
    shown = re.findall(r"^(\w+\.\w+) \(table", text, re.MULTILINE)

    assert shown == sorted(shown)
    assert {"office.Ticket", "office.Document", "office.Case"} <= set(shown)
    assert re.search(r"\nWithout row security: .*auth\.Group, .*office\.Room, .*\.\n\Z", text)


def test_row_security_that_no_model_declares_is_a_difference(synced, changed):
    changed("CREATE POLICY mine ON office_room USING (true)")
    changed("ALTER TABLE office_room ENABLE ROW LEVEL SECURITY")

    assert differences("office.Room") == [
        "! Declares no row security: only the owner may use its table.",
        "! Policy 'mine' is not declared.",
        "! Row security is on, which the model does not declare.",
        "  ! mine: not declared",
    ]
    with pytest.raises(CommandError, match=r"Not as declared: office\.Room\."):
        said(check=True)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("office.Tikcet", r"There is no model 'office\.Tikcet'\. Did you mean 'office\.Ticket'\?"),
        ("nothing.like_it", r"no model 'nothing\.like_it'\. Write app_label\.Model\."),
        ("Ticket", r"There is no model 'Ticket'\. Did you mean 'office\.Ticket'\?"),
    ],
)
def test_an_unknown_model_is_refused_with_the_nearest(db, name, says):
    with pytest.raises(CommandError, match=says):
        said(name)


def test_the_login_is_told_to_use_the_owners_credentials(synced):
    with pytest.raises(CommandError, match="--database owner, an alias with the owner's USER"):
        said(database="default")


# For programs


def test_json_has_all_of_it(synced, changed):
    changed('DROP POLICY "floor update" ON office_ticket')

    [table] = json.loads(said("office.Ticket", json=True))["tables"]
    policies = {one["name"]: one for rule in table["rules"] for one in rule["policies"]}

    assert (table["model"], table["table"], table["declared"]) == (
        "office.Ticket",
        "office_ticket",
        True,
    )
    assert "Policy 'floor update' is missing." in table["differences"]
    assert policies["floor update"] == {
        "name": "floor update",
        "declared": {
            "command": "UPDATE",
            "permissive": False,
            "roles": ["acme_anonymous", "acme_everyone", "acme_superuser"],
            "using": '"office_ticket"."tenant_id" = (SELECT rls_perms.tenant_id())',
            "check": '"office_ticket"."tenant_id" = (SELECT rls_perms.tenant_id())',
        },
        "present": None,
        "difference": "missing",
    }
    assert policies["floor select"]["present"]["permissive"] is False
    assert table["roles"]["acme_everyone"] == "every signed-in user"


# Roles


def test_roles_are_told_by_what_they_stand_for(synced):
    people.group("Managers", "office.view_task")
    people.sync()

    text = said("office.Task")

    assert "    acme_manager: the group 'Managers'\n" in text
    assert "    acme_can_office_audit_task: whoever holds office.audit_task\n" in text
    assert "    acme_system: superusers without a tenant, and as_system()\n" in text
    assert "    acme_boss: the owner of the tables\n" in text


def test_what_policies_read_is_told(synced):
    assert re.search(
        r"Policies read office_project \(.*owner_id.*\) as .*acme_everyone",
        " ".join(said("office.Task").split()),
    )


# Sentences


def sentences(model, declared=None):
    declared = declared or model._meta.constraints[0]
    return {rule.name: list(rule.sentences) for rule in rules(declared, model)}


def case(*policies, tenant=None):
    return sentences(Case, RowSecurity(name="x", tenant=tenant, policies=policies))


def test_the_sentences_of_a_document():
    assert sentences(Document) == {
        "permission": [
            "Everyone who holds office.view_document, office.change_document or "
            "office.delete_document may SELECT all rows of the tenant.",
            "Everyone who holds office.add_document may INSERT rows of the tenant.",
            "Everyone who holds office.change_document may UPDATE all rows of the tenant.",
            "Everyone who holds office.delete_document may DELETE all rows of the tenant.",
        ],
        "object grants": [
            "Everyone and anonymous visitors may SELECT rows of the tenant on which guardian "
            "grants office.view_document, office.change_document or office.delete_document to them "
            "or to a group of theirs.",
            "Everyone and anonymous visitors may UPDATE rows of the tenant on which guardian "
            "grants office.change_document to them or to a group of theirs.",
            "Everyone and anonymous visitors may DELETE rows of the tenant on which guardian "
            "grants office.delete_document to them or to a group of theirs.",
        ],
        "own": [
            "Everyone may SELECT and UPDATE rows of the tenant where owner is the current user."
        ],
        "public": [
            "Everyone and anonymous visitors may SELECT rows of the tenant where is_public is true."
        ],
        "open only": [
            "Whatever else allows it, everyone and anonymous visitors may UPDATE only rows of the "
            "tenant where closed is false, and change them as they like."
        ],
        "floor": [
            "Whatever else allows it, everyone, anonymous visitors and superusers in a tenant may "
            "see and write only rows where tenant is the current tenant; without a tenant in the "
            "context there are none."
        ],
        "superuser": ["Superusers in a tenant may do everything with all rows of the tenant."],
        "system": ["The owner of the table and the system may do everything with all rows."],
        "new row": ["Whoever inserts a row sees it in the statement that inserts it."],
    }


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (
            Policy("one", command=UPDATE, using=Q(owner=CurrentUser())),
            [
                "Everyone who holds office.change_case may SELECT and UPDATE rows where owner is "
                "the current user."
            ],
        ),
        (
            Policy(
                "one", to=[Group("Managers"), Role("auditor")], command=INSERT, using=Q(flag=True)
            ),
            [
                "Members of the group 'Managers' and the role 'auditor' who hold office.add_case "
                "may INSERT rows where flag is true."
            ],
        ),
        (
            Policy(
                "one",
                to=Permission("office.audit_task"),
                command=SELECT,
                using=Q(),
                permission_required=False,
            ),
            ["Holders of office.audit_task may SELECT all rows."],
        ),
        (
            Policy(
                "one",
                command=UPDATE,
                using=Q(),
                check=Q(flag=False),
                to=ANONYMOUS,
                permissive=False,
            ),
            [
                "Whatever else allows it, anonymous visitors may UPDATE all rows, and leave them "
                "as rows where flag is false."
            ],
        ),
        (
            OwnerPolicy("owner", to=[EVERYONE, Group("Managers")], permission_required=False),
            [
                "Everyone may SELECT, INSERT, UPDATE and DELETE rows where owner is the current "
                "user."
            ],
        ),
    ],
)
def test_the_sentence_of_a_policy(policy, says):
    assert case(policy)[policy.name] == says


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Q(), ""),
        (Q(level=3), "level is 3"),
        (Q(level__gt=3, flag=True), "flag is true and level is more than 3"),
        (Q(level__lte=3) | Q(note="it's"), 'level is at most 3 or note is "it\'s"'),
        (
            Q(flag=True) & (Q(level=1) | Q(level=2)),
            "flag is true and (level is 1 or level is 2)",
        ),
        (~Q(level=1), "not (level is 1)"),
        (~Q(level=1) & Q(flag=False), "not (level is 1) and flag is false"),
        (Q(level=1) ^ Q(flag=True), "level is 1 xor flag is true"),
        (Q(level__in=[1, 2]), "level is one of 1, 2"),
        (Q(level__in=set()), "level is one of nothing"),
        (Q(level__in={3, 1, 2}), "level is one of 1, 2, 3"),
        (Q(level__range=(1, 2)), "level is between 1 and 2"),
        (Q(level__isnull=True), "level is empty"),
        (Q(level__isnull=False), "level is not empty"),
        (Q(level=None), "level is empty"),
        (Q(room__name__icontains="hall"), "room's name contains 'hall' in any case"),
        (Q(room__isnull=True), "room is empty"),
        (Q(owner_id=CurrentUser()), "owner is the current user"),
        (Q(owner__tenant=CurrentTenant()), "owner's tenant is the current tenant"),
        (Q(owner__date_joined__year__gte=2020), "owner's date_joined's year is at least 2020"),
        (Q(pk=1), "primary key is 1"),
        (Q(level=F("room__id")), "level is room's id"),
        (
            Q(level__lt=Setting("rank", output_field=models.IntegerField())),
            "level is less than the setting 'rank'",
        ),
        (Q(note=Lower("note")), "note is Lower(F(note))"),
        (
            Q(owner__date_joined__lt=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
            "owner's date_joined is less than 2026-01-01T00:00:00+00:00",
        ),
        (Q(level=Decimal("1.50")), "level is 1.50"),
        (Q(note=uuid.UUID(int=1)), "note is 00000000-0000-0000-0000-000000000001"),
        (
            Q(Exists("office.Task", Q(project=OuterRef("room__id"), state="open"))),
            "there is one of office.Task where project is the row's room's id and state is 'open'",
        ),
        (
            Q(flag=True) & Q(Exists("office.Task", Q())),
            "flag is true and (there is one of office.Task)",
        ),
        (Q(models.Exists(Task.objects.none())), "<django.db.models.expressions.Exists"),
    ],
)
def test_a_condition_in_words(condition, words):
    found = condition_words(condition, Case)

    assert found.startswith(words)
    assert found == words or words.startswith("<")
