"""What sync_pg_roles shows of a plan: SQL for psql, JSON, and how far it is."""

import io
import json
import os
import subprocess

import pytest
from django.core.management import call_command
from django.db import connections

from rls_perms.keywords import RoleKind
from rls_perms.management.progress import ProgressBar
from rls_perms.plan import CreateRole
from rls_perms.roles import Role, RoleNames
from tests import deployments, kept, people, postgres
from tests.deployments import PASSWORD, sync_pg_roles, written


@pytest.fixture(autouse=True)
def pending(deployment):
    """A new group with a name that has to be quoted, a combination, and a grant of a hand's."""
    kept.empty()
    with deployments.without_live_triggers():
        sync_pg_roles(prune=True)
        group = people.group('Clerk\'s; "x" --', "office.view_ticket", "office.add_document")
        people.user("one", groups=[group], permissions=["office.view_contract"])
        deployment.as_boss(
            f"GRANT TRUNCATE ON office_ticket TO {deployment.role('everyone')} WITH GRANT OPTION"
        )
        yield


def psql(deployment, script):
    """Paste *script* into psql, as the owner."""
    return subprocess.run(
        [postgres.find_binaries() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"],
        input=script,
        env={
            **os.environ,
            "PGDATABASE": deployment.name,
            "PGUSER": deployment.boss,
            "PGPASSWORD": PASSWORD,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sql_can_be_pasted_and_leaves_nothing_to_do(deployment):
    before = deployment.snapshot()
    said = sync_pg_roles(sql=True)
    unchanged = deployment.snapshot()
    pasted = psql(deployment, said.out)

    assert said.status == 0
    assert unchanged == before
    assert (pasted.returncode, pasted.stderr) == (0, "")
    assert sync_pg_roles(check=True).out == "Nothing to do.\n"


def test_the_sql_writes_definitions_of_functions_and_policies_too(deployment):
    deployment.as_boss('DROP POLICY "floor select" ON office_ticket')
    deployment.as_boss("UPDATE rls_perms.installation SET functions = 'old'")
    said = sync_pg_roles(sql=True)
    pasted = psql(deployment, said.out)

    assert "-- define functions\n" in said.out
    assert "-- define policies of office.Ticket\n" in said.out
    assert pasted.returncode == 0, pasted.stderr
    assert sync_pg_roles(check=True).out == "Nothing to do.\n"


def test_the_sql_that_writes_policies_anew_fills_the_views_of_grants_again(deployment):
    deployment.as_boss('DROP POLICY "open only update" ON office_document')
    script = sync_pg_roles(sql=True).out
    psql(deployment, script)

    assert "-- define view office_document_view_user\n" in script
    assert sync_pg_roles(check=True).out == "Nothing to do.\n"


def test_the_sql_with_prune_drops_what_a_sync_left(deployment):
    sync_pg_roles()
    deployment.as_boss("TRUNCATE office_user, auth_group CASCADE")
    pasted = psql(deployment, sync_pg_roles(sql=True, prune=True).out)

    assert (pasted.returncode, pasted.stderr) == (0, "")
    assert sync_pg_roles(check=True, prune=True).out == "Nothing to do.\n"


def test_the_sql_is_one_transaction(deployment):
    before = deployment.snapshot()
    script = sync_pg_roles(sql=True).out.replace("COMMIT;", "SELECT 1/0;\nCOMMIT;")
    pasted = psql(deployment, script)

    assert "division by zero" in pasted.stderr
    assert deployment.snapshot() == before


def test_each_statement_stands_under_its_sentence(deployment):
    out = sync_pg_roles(sql=True).out

    everyone = deployment.role("everyone")
    assert out.startswith("BEGIN;\n\n-- ")
    assert (
        f"-- revoke TRUNCATE on table public.office_ticket from {everyone}\n"
        f'REVOKE TRUNCATE ON TABLE "public"."office_ticket" FROM "{everyone}" CASCADE;\n'
    ) in out


def test_with_nothing_to_do_the_sql_says_so():
    sync_pg_roles()

    assert sync_pg_roles(sql=True).out == "-- Nothing to do.\n"


def test_json_has_each_change_with_action_sentence_and_sql(deployment):
    before = deployment.snapshot()
    said = sync_pg_roles(plan=True, json=True)
    data = json.loads(said.out)

    everyone = deployment.role("everyone")
    assert said.status == 0
    assert (data["applied"], data["left"]) == (False, [])
    assert {
        "action": "revoke_privileges",
        "sentence": f"revoke TRUNCATE on table public.office_ticket from {everyone}",
        "sql": f'REVOKE TRUNCATE ON TABLE "public"."office_ticket" FROM "{everyone}" CASCADE',
    } in data["changes"]
    assert {"create_role", "add_membership", "grant_privileges", "record"} <= {
        change["action"] for change in data["changes"]
    }
    assert "lists the group 'Managers', which does not exist" in " ".join(data["warnings"])
    assert deployment.snapshot() == before


def test_json_of_what_was_applied():
    planned = json.loads(sync_pg_roles(plan=True, json=True).out)
    applied = json.loads(sync_pg_roles(json=True).out)
    again = json.loads(sync_pg_roles(json=True).out)

    assert applied["applied"] is True
    assert applied["changes"] == planned["changes"]
    assert again["changes"] == []


def test_check_with_json_exits_with_1_and_prints_what_is_pending():
    said = sync_pg_roles(check=True, json=True)

    assert said.status == 1
    assert json.loads(said.out)["changes"]


def test_json_and_sql_together_are_refused():
    said = sync_pg_roles(sql=True, json=True)

    assert (said.status, said.out) == (1, "")
    assert "Leave --sql out" in said.err


@pytest.mark.parametrize("option", ["plan", "check", "sql"])
def test_what_only_looks_writes_nothing(option):
    with written() as statements:
        sync_pg_roles(**{option: True})

    assert statements == []


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


CHANGE = CreateRole(Role("acme_clerk", RoleNames("acme", "acme", {}).mark(RoleKind.GROUP, "1")))


def test_a_long_run_draws_over_one_line_of_the_terminal():
    call_command("sync_pg_roles", stdout=io.StringIO(), stderr=io.StringIO())
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO auth_group (name) SELECT 'Team ' || n FROM generate_series(1, 30) n"
        )
    terminal = Terminal()
    call_command("sync_pg_roles", stdout=io.StringIO(), stderr=terminal, no_color=True)

    *lines, last = terminal.getvalue().split("\r")
    lines = [line for line in lines if line.startswith("[")]
    assert len(lines) > 10
    assert last.startswith("\x1b[K")
    assert all(len(line.removesuffix("\x1b[K")) <= 79 for line in lines)
    assert any(": create role" in line for line in lines)


@pytest.mark.parametrize(("stream", "of"), [(Terminal(), 10), (io.StringIO(), 1000)])
def test_a_short_run_and_a_file_get_no_line(stream, of):
    bar = ProgressBar(stream)
    bar(0, of, CHANGE)
    bar.end()

    assert stream.getvalue() == ""
