"""Commands as somebody (PARITY A23): run_as, and the two shells in a role."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.test import override_settings

from rls_perms import current_context
from rls_perms.exceptions import UnknownRole
from rls_perms.management.commands.dbshell import start_options
from tests import people, postgres
from tests.office.models import Document, Tenant
from tests.settings import PROJECT, RLS_PERMS

AUDIT = "rls_perms.audit"


@pytest.fixture
def office(db):
    return Office()


class Office:
    def __init__(self):
        self.acme, self.bolt = people.tenant("acme"), people.tenant("bolt")
        clerks = people.group("Clerks", "office.view_document", "office.change_document")
        self.ann = people.user("ann", tenant=self.acme, groups=[clerks])
        people.make(Document(tenant=self.acme, title="acmes"))
        people.make(Document(tenant=self.bolt, title="bolts"))
        people.sync()


def run(*arguments):
    """What run_as prints."""
    output = io.StringIO()
    call_command("run_as", *map(str, arguments), stdout=output, stderr=io.StringIO())
    return output.getvalue()


def told(context, role, *titles):
    """What the command ``tell`` prints."""
    return f"{context}|{PROJECT}_{role}|{list(titles)}|{list(titles)}\n"


# As whom


def test_a_command_runs_as_a_user_in_the_users_tenant(office):
    assert run("--user", "ann", "--", "tell") == told(
        f"user {office.ann.pk} in tenant {office.acme.pk}", "clerk", "acmes"
    )
    assert current_context() is None


def test_a_command_runs_as_a_user_in_another_tenant(office):
    by_key = run("--user", "ann", "--tenant", office.bolt.pk, "--", "tell")
    by_name = run("--user", "ann", "--tenant", "name=bolt", "--", "tell")

    expected = told(f"user {office.ann.pk} in tenant {office.bolt.pk}", "clerk", "bolts")
    assert by_key == by_name == expected


def test_a_command_runs_as_a_role(office):
    assert run("--role", "clerk", "--tenant", office.bolt.pk, "--", "tell") == told(
        f"role clerk in tenant {office.bolt.pk}", "clerk", "bolts"
    )


def test_a_command_in_a_tenant_alone_sees_all_of_it_and_is_an_elevation(office, caplog):
    with caplog.at_level("INFO", AUDIT):
        output = run("--tenant", office.bolt.pk, "--", "tell")

    assert output == told(f"role superuser in tenant {office.bolt.pk}", "superuser", "bolts")
    assert [(one.event, one.tenant) for one in caplog.records] == [
        ("elevated", str(office.bolt.pk))
    ]


def test_a_command_runs_as_the_system_and_says_why(office, caplog):
    with caplog.at_level("INFO", AUDIT):
        output = run("--system", "invoices of May", "--", "tell")

    assert output == told("the system", "system", "acmes", "bolts")
    assert [one.reason for one in caplog.records] == ["invoices of May"]


def test_options_of_the_command_are_the_commands(office):
    with pytest.raises(KeyError, match="it failed"):
        run("--user", "ann", "--", "tell", "--fail", office.acme.pk, "--how", "error")


WITHOUT_OWNER = """
from tests.settings import *

del DATABASES["owner"]
"""


@pytest.mark.slow
def test_a_process_without_the_owners_credentials_ends_as_the_command_does(office, tmp_path):
    (tmp_path / "login_only.py").write_text(WITHOUT_OWNER)
    folders = (str(tmp_path), str(Path(__file__).parent.parent))
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "login_only",
        "PYTHONPATH": os.pathsep.join(folders),
    }
    started = [sys.executable, "-m", "django", "run_as", "--user", "ann", "--", "tell"]

    done = subprocess.run(started, env=environment, capture_output=True, text=True, check=False)
    failed = subprocess.run(
        [*started, "--fail", str(office.acme.pk), "--how", "command"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, failed.returncode) == (0, 7), done.stderr + failed.stderr
    assert done.stdout == told(f"user {office.ann.pk} in tenant {office.acme.pk}", "clerk", "acmes")
    assert failed.stderr.endswith("CommandError: no\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--user", "ann"], "Say what to run"),
        (["--user", "ann", "--"], "Say what to run"),
        (["--", "tell"], "Say as whom: --user, --role, --system, --tenant or --all-tenants"),
        (["--user", "nobody", "--", "tell"], "no user 'nobody': users are found by username"),
        (["--tenant", "0", "--", "tell"], r"no tenant '0' \(office.Tenant\)"),
        (["--tenant", "x", "--", "tell"], "no tenant 'x'"),
        (["--tenant", "name=x", "--", "tell"], "no tenant 'name=x'"),
        (["--tenant", "nam=x", "--", "tell"], "Cannot resolve keyword 'nam'"),
        (["--tenant", "pk__gt=0", "--", "tell"], "said of several tenants"),
        (["--user", "ann", "--role", "clerk", "--", "tell"], "not allowed with"),
        (["--role", "system", "--", "tell"], "The system needs a reason"),
        (["--system", " ", "--", "tell"], "Say the reason"),
        (["--system", "x", "--tenant", "name=acme", "--", "tell"], "The system sees every tenant"),
        (["--system", "x", "--all-tenants", "--", "tell"], "The system sees every tenant"),
        (["--tenant", "1", "--all-tenants", "--", "tell"], "say different things"),
        (["--user", "ann", "--parallel", "2", "--", "tell"], "--parallel is for --all-tenants"),
        (["--all-tenants", "--parallel", "0", "--", "tell"], "is no number of threads"),
        (["--user", "ann", "--", "nothing"], "Unknown command: 'nothing'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_run(office, arguments, says):
    with pytest.raises(CommandError, match=says):
        run(*arguments)


def test_a_role_that_is_not_there_is_told(office):
    with pytest.raises(UnknownRole, match="managr"):
        run("--role", "managr", "--", "tell")


def test_without_a_tenant_model_there_is_no_tenant(office):
    with (
        override_settings(RLS_PERMS={**RLS_PERMS, "TENANT_MODEL": None}),
        pytest.raises(CommandError, match=r"RLS_PERMS\['TENANT_MODEL'\] names no model"),
    ):
        run("--all-tenants", "--", "tell")


# In each tenant


PARALLEL = pytest.mark.parametrize("parallel", [1, 3])


@PARALLEL
def test_a_command_runs_in_each_tenant(office, parallel):
    output = run("--all-tenants", "--parallel", parallel, "--", "tell")

    assert output == (
        f"Tenant {office.acme.pk} (acme): done\n"
        + told(f"role superuser in tenant {office.acme.pk}", "superuser", "acmes")
        + f"Tenant {office.bolt.pk} (bolt): done\n"
        + told(f"role superuser in tenant {office.bolt.pk}", "superuser", "bolts")
    )


@PARALLEL
@pytest.mark.parametrize(("how", "status", "says"), [
    ("error", 1, "KeyError: 'it failed'"), ("command", 7, "no"), ("exit", 3, ""),
])  # fmt: skip
def test_what_fails_in_one_tenant_does_not_stop_the_others(office, parallel, how, status, says):
    last = people.tenant("last")
    output = io.StringIO()

    with pytest.raises(CommandError) as failed:
        call_command(
            "run_as", "--all-tenants", "--parallel", str(parallel), "--json", "--",
            "tell", "--fail", str(office.bolt.pk), "--how", how, stdout=output,
        )  # fmt: skip

    ended = json.loads(output.getvalue())
    assert str(failed.value) == f"It failed in 1 of 3 tenants: {office.bolt.pk}."
    assert failed.value.returncode == 1
    assert [(one["tenant"], one["name"], one["status"]) for one in ended] == [
        (str(office.acme.pk), "acme", 0),
        (str(office.bolt.pk), "bolt", status),
        (str(last.pk), "last", 0),
    ]
    assert says in ended[1]["error"]
    assert [one["output"].count("|") for one in ended] == [3, 3, 3]
    assert ended[0]["error"] == "to stderr\n"


def test_a_user_runs_it_in_each_tenant(office):
    ended = json.loads(run("--user", "ann", "--all-tenants", "--json", "--", "tell"))

    assert [one["output"] for one in ended] == [
        told(f"user {office.ann.pk} in tenant {office.acme.pk}", "clerk", "acmes"),
        told(f"user {office.ann.pk} in tenant {office.bolt.pk}", "clerk", "bolts"),
    ]


@PARALLEL
def test_many_tenants_do_not_meet(office, parallel):
    for number in range(12):
        tenant = people.tenant(f"tenant {number}")
        people.make(Document(tenant=tenant, title=f"of {number}"))

    ended = json.loads(run("--all-tenants", "--parallel", parallel, "--json", "--", "tell"))

    assert [one["output"].split("|")[2] for one in ended] == [
        "['acmes']", "['bolts']", *(f"['of {number}']" for number in range(12))
    ]  # fmt: skip


def test_without_tenants_nothing_is_run(office):
    Document.objects.using("owner").all().delete()
    connections["owner"].cursor().execute("DELETE FROM office_user_groups")
    connections["owner"].cursor().execute("DELETE FROM office_user")
    Tenant.objects.using("owner").all().delete()

    assert run("--all-tenants", "--json", "--", "tell") == "[]\n"


def test_one_run_as_json_has_its_status(office):
    output = io.StringIO()

    done = json.loads(run("--user", "ann", "--json", "--", "tell"))
    with pytest.raises(CommandError, match="It failed: ") as failed:
        call_command(
            "run_as", "--user", "ann", "--json", "--",
            "tell", "--fail", str(office.acme.pk), "--how", "command", stdout=output,
        )  # fmt: skip

    assert (done[0]["tenant"], done[0]["name"], done[0]["status"]) == (None, None, 0)
    assert json.loads(output.getvalue())[0]["status"] == failed.value.returncode == 7


@pytest.mark.parametrize("who", [[], ["--user", "ann"]])
@pytest.mark.parametrize("field", ["pk", "name"])
def test_one_run_as_json_says_its_tenant(office, who, field):
    given = office.bolt.pk if field == "pk" else "name=bolt"

    [done] = json.loads(run(*who, "--tenant", given, "--json", "--", "tell"))

    assert (done["tenant"], done["name"]) == (str(office.bolt.pk), "bolt")


def test_the_status_of_one_run_is_the_commands(office):
    with pytest.raises(CommandError, match=r"^no$") as failed:
        run("--user", "ann", "--", "tell", "--fail", office.acme.pk, "--how", "command")
    with pytest.raises(SystemExit) as ended:
        run("--user", "ann", "--", "tell", "--fail", office.acme.pk, "--how", "exit")

    assert (failed.value.returncode, ended.value.code) == (7, 3)
    assert current_context() is None


# The shell


SHOWS = "print(current_context(), *Document.objects.values_list('title', flat=True))"
IMPORTS = "from rls_perms import current_context; from tests.office.models import Document; "


@pytest.mark.parametrize("arguments", [["shell", "--as-user", "ann"],
                                       ["run_as", "--user", "ann", "--", "shell"]])  # fmt: skip
def test_a_shell_runs_as_a_user(office, capsys, arguments):
    call_command(*arguments, "-c", IMPORTS + SHOWS)

    printed = capsys.readouterr().out
    assert printed.endswith(f"user {office.ann.pk} in tenant {office.acme.pk} acmes\n")
    assert current_context() is None


def test_a_shell_runs_as_a_role_in_a_tenant(office, capsys):
    call_command("shell", "--as-role", "clerk", "--as-tenant", "name=bolt", "-c", IMPORTS + SHOWS)

    assert capsys.readouterr().out.endswith(f"role clerk in tenant {office.bolt.pk} bolts\n")


def test_a_shell_without_an_option_has_no_context(office, capsys):
    call_command("shell", "-c", IMPORTS + "print(current_context())")

    assert capsys.readouterr().out.endswith("None\n")


def test_a_shell_of_nobody_is_refused(office):
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("shell", "--as-user", "nobody", "-c", "print('run')")


# psql


@pytest.fixture
def psql(office, monkeypatch, capfd):
    """Run statements in dbshell; returns what psql printed."""
    paths = [os.environ["PATH"], *map(str, postgres.candidates())]
    monkeypatch.setenv("PATH", os.pathsep.join(paths))
    monkeypatch.setenv("PSQLRC", os.devnull)

    def psql(arguments, *statements):
        commands = [part for one in statements for part in ("-c", one)]
        call_command("dbshell", *arguments, "--", "-qAt", *commands)
        return capfd.readouterr().out.split("\n")[:-1]

    return psql


WHO = "SELECT current_user, rls_perms.user_id(), rls_perms.tenant_id()"
TITLES = "SELECT title FROM office_document ORDER BY title"
ANN = ["--as-user", "ann"]


def test_psql_begins_in_the_role_of_a_user(office, psql):
    assert psql(ANN, WHO, TITLES) == [
        f"{PROJECT}_clerk|{office.ann.pk}|{office.acme.pk}", "acmes"
    ]  # fmt: skip


def test_psql_begins_in_a_role_and_a_tenant(office, psql):
    assert psql(["--as-role", "clerk", "--as-tenant", "name=bolt"], WHO, TITLES) == [
        f"{PROJECT}_clerk||{office.bolt.pk}", "bolts"
    ]  # fmt: skip


def test_psql_goes_back_to_the_role_by_reset_and_by_connecting_anew(office, psql):
    who = f"{PROJECT}_clerk|{office.ann.pk}|{office.acme.pk}"

    assert psql(ANN, "RESET ROLE", WHO, "RESET ALL", WHO, "DISCARD ALL", WHO, r"\c", WHO) == [
        who, who, who, who
    ]  # fmt: skip


def test_psql_without_the_role_is_the_bare_login(office, psql, capfd):
    with pytest.raises(CommandError, match="non-zero exit status"):
        psql(ANN, "SET ROLE NONE", TITLES)

    assert "permission denied for table office_document" in capfd.readouterr().err


def test_psql_may_change_what_the_role_may(office, psql):
    answers = psql(
        ANN,
        "UPDATE office_document SET title = 'changed' RETURNING title",
        "UPDATE office_document SET title = 'gone' WHERE title = 'bolts' RETURNING title",
    )

    assert answers == ["changed"]
    found = Document.objects.using("owner").order_by("title").values_list("title", flat=True)
    assert list(found) == ["bolts", "changed"]


def test_psql_sets_what_goes_along_with_a_role(office, psql, monkeypatch):
    roles = {"Clerks": {"role": "clerk", "settings": {"statement_timeout": "5s"}}}

    with override_settings(RLS_PERMS={**RLS_PERMS, "GROUP_ROLES": roles}):
        people.sync()
        connections["default"].close()
        shown = psql(ANN, "SHOW statement_timeout")
    connections["default"].close()

    assert shown == ["5s"]


def test_a_role_that_nobody_had_is_made_for_psql(office, psql):
    people.user("new", tenant=office.acme, permissions=["office.view_document"])

    assert psql(["--as-user", "new"], TITLES) == ["acmes"]


def test_options_of_the_environment_stay(office, psql, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=5MB -c role=none")

    assert psql(ANN, "SHOW work_mem", "SELECT current_user") == ["5MB", f"{PROJECT}_clerk"]
    assert os.environ["PGOPTIONS"] == "-c work_mem=5MB -c role=none"


def test_psql_without_an_option_is_the_login(office, psql):
    assert psql([], "SELECT current_user") == [f"{PROJECT}_web"]
    assert "PGOPTIONS" not in os.environ


def test_an_alias_that_is_not_ours_has_no_roles(office, psql):
    with pytest.raises(CommandError, match=r"DATABASES.*'owner'.*--database default"):
        psql([*ANN, "--database", "owner"], WHO)


def test_a_signed_context_is_not_psqls(office, psql):
    with (
        override_settings(RLS_PERMS={**RLS_PERMS, "SIGNED_CONTEXT": True}),
        pytest.raises(CommandError, match=r"counts for one transaction.*shell --as-user"),
    ):
        psql(ANN, WHO)


def test_values_are_no_options_of_their_own(office, psql, monkeypatch):
    # What a name, or a value for policies, could be: it must not end its own option.
    said = start_options({"rls_perms.region": r"a b\ -c role=none", "rls_perms.empty": ""})
    monkeypatch.setenv("PGOPTIONS", said)

    shown = psql([], "SHOW rls_perms.region", "SHOW rls_perms.empty", "SELECT current_user")

    assert shown == [r"a b\ -c role=none", "", f"{PROJECT}_web"]
