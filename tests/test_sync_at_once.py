"""Syncs that meet others, of another database too, and syncs that are killed."""

import signal

import pytest
from django.contrib.auth.models import Group

from tests import deployments, kept, people
from tests.deployments import sync_pg_roles
from tests.threads import at_once

#: Ten threads of one process: Python starts once for all of them.
TEN_SYNCS = """
import django; django.setup()
from tests.deployments import sync_pg_roles
from tests.threads import at_once
print(at_once(*[lambda: sync_pg_roles().status] * 10))
"""

#: A sync whose process is gone before its statement number %d that writes.
KILLED_SYNC = """
import os, signal
import django; django.setup()
from django.db import connections
from tests.deployments import READS, sync_pg_roles
left = [%d]
def kill(execute, sql, params, many, context):
    if not sql.strip().upper().startswith(READS):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    return execute(sql, params, many, context)
with connections["owner"].execute_wrapper(kill):
    sync_pg_roles()
"""


@pytest.fixture
def teams(deployment):
    """Groups, permissions and combinations of them that no sync has seen, nor any trigger."""
    kept.empty()
    with deployments.without_live_triggers():
        make_teams()
        yield


def make_teams():
    for number in range(6):
        people.group(f"Team {number}", "office.view_ticket", "office.add_document")
    groups = list(Group.objects.using("owner"))
    for number in range(5):
        people.user(
            f"user {number}",
            groups=groups[number : number + 2],
            permissions=["office.view_contract"],
        )


@pytest.mark.slow
def test_twenty_syncs_at_once_on_two_databases_of_one_cluster_end_in_one_state(deployment, teams):
    with deployments.empty() as other:
        deployments.migrate()
        other.as_boss(
            "INSERT INTO auth_group (name) SELECT 'Crew ' || n FROM generate_series(1, 6) n"
        )
        other.as_boss(
            "INSERT INTO auth_group_permissions (group_id, permission_id)"
            " SELECT g.id, p.id FROM auth_group g, auth_permission p"
            " WHERE p.codename = 'view_ticket'"
        )
        both = deployment, other
        done = at_once(*[lambda one=one: one.python("-c", TEN_SYNCS) for one in both])
        checked = [one.manage("sync_pg_roles", "--check") for one in both]
        roles = other.roles()

    assert [one.stdout for one in done] == [f"{[0] * 10}\n"] * 2, [one.stderr for one in done]
    assert [one.stdout for one in checked] == ["Nothing to do.\n"] * 2
    assert {f"crew_{number}" for number in range(1, 7)} <= roles
    assert not {f"team_{number}" for number in range(6)} & roles


@pytest.mark.parametrize("statement", [1, 20, 45])
def test_a_sync_that_is_killed_leaves_nothing_half_done(deployment, teams, statement):
    assert len(sync_pg_roles(plan=True).out.splitlines()) > 45
    before = deployment.snapshot()
    killed = deployment.python("-c", KILLED_SYNC % statement)

    assert killed.returncode == -signal.SIGKILL
    assert deployment.snapshot() == before
    assert sync_pg_roles().status == 0
    assert sync_pg_roles(check=True).out == "Nothing to do.\n"
