"""Edits at once, during syncs, by the thousand: no error, no deadlock, nothing half done."""

import random
import time
from functools import partial

import psycopg
import pytest
from django.contrib.auth.models import Group, Permission
from django.db import OperationalError, connection, connections, transaction

from rls_perms import as_user
from tests import deployments, kept, people
from tests.deployments import PASSWORD, sync_pg_roles
from tests.office.models import Ticket, User
from tests.test_live import CLEAN, holds
from tests.threads import at_once

ACTIONS = ("view", "add", "change", "delete")
MODELS = ("ticket", "document", "project", "tag")


@pytest.fixture(autouse=True)
def firm(deployment):
    """Four groups that everybody edits, four users in them, a ticket."""
    kept.empty()
    sync_pg_roles(prune=True)
    acme = people.tenant()
    people.make(Ticket(tenant=acme, title="one"))
    groups = [people.group(f"Shared {number}", "office.view_ticket") for number in range(4)]
    for number in range(4):
        people.user(f"user {number}", tenant=acme, groups=groups[:number])
    yield
    assert sync_pg_roles(check=True).out == CLEAN


class Editor:
    """One connection of the login, which edits at random; its seed says what."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.seed = seed
        self.made = 0

    def edit(self, number):
        """Make *number* changes, a few to a transaction; undo every fourth, and some savepoints."""
        done = 0
        while done < number:
            with transaction.atomic():
                for _ in range(self.chance.randint(1, 5)):
                    with transaction.atomic():
                        self.change()
                        transaction.set_rollback(self.chance.random() < 0.1)
                    done += 1
                transaction.set_rollback(self.chance.random() < 0.25)
        return "done"

    def change(self):
        groups = self.make, self.rename, self.delete
        users = self.give, self.join, self.switch
        self.chance.choice([self.permit, self.permit, self.permit, *groups, *users])()

    def permission(self):
        codename = f"{self.chance.choice(ACTIONS)}_{self.chance.choice(MODELS)}"
        return Permission.objects.get(content_type__app_label="office", codename=codename)

    def own(self):
        return list(Group.objects.filter(name__startswith=f"Own {self.seed} "))

    def permit(self):
        group = Group.objects.get(name=f"Shared {self.chance.randrange(4)}")
        self.chance.choice([group.permissions.add, group.permissions.remove])(self.permission())

    def make(self):
        self.made += 1
        group = Group.objects.create(name=f"Own {self.seed} {self.made}")
        group.permissions.set([self.permission(), self.permission()])

    def rename(self):
        for group in self.own()[:1]:
            self.made += 1
            Group.objects.filter(pk=group.pk).update(name=f"Own {self.seed} {self.made} again")

    def delete(self):
        for group in self.own()[:1]:
            group.delete()

    def give(self):
        user = User.objects.get(username=f"user {self.seed % 4}")
        permissions = user.user_permissions
        self.chance.choice([permissions.add, permissions.remove])(self.permission())

    def join(self):
        user = User.objects.get(username=f"user {self.seed % 4}")
        group = Group.objects.get(name=f"Shared {self.chance.randrange(4)}")
        self.chance.choice([user.groups.add, user.groups.remove])(group)

    def switch(self):
        users = User.objects.filter(username=f"user {self.seed % 4}")
        users.update(is_active=self.chance.random() < 0.7, is_superuser=self.chance.random() < 0.2)


@pytest.mark.parametrize("number", [40, pytest.param(250, marks=pytest.mark.slow)])
def test_a_thousand_changes_from_four_connections_some_undone(deployment, number):
    editors = [Editor(seed) for seed in range(4)]
    began = time.monotonic()
    ends = at_once(*[partial(editor.edit, number) for editor in editors])

    assert ends == ["done"] * 4
    assert time.monotonic() - began < 300
    assert sync_pg_roles(check=True).out == CLEAN


def test_edits_syncs_and_first_uses_at_once(deployment):
    users = list(User.objects.using("owner"))

    def use():
        for _ in range(20):
            for user in users:
                with as_user(user), connection.cursor() as cursor:
                    cursor.execute("SELECT current_user")
        return "done"

    def sync():
        return [sync_pg_roles().status for _ in range(5)]

    ends = at_once(partial(Editor(1).edit, 60), partial(Editor(2).edit, 60), use, sync, sync)

    assert ends == ["done"] * 3 + [[0] * 5] * 2


@pytest.mark.slow
def test_edits_while_triggers_are_removed_and_made_again(deployment):
    def remake():
        for _ in range(6):
            deployment.as_boss("DROP FUNCTION rls_perms.live_on_group() CASCADE")
            assert sync_pg_roles().status == 0
        return "done"

    ends = at_once(partial(Editor(1).edit, 80), partial(Editor(2).edit, 80), remake)

    assert ends == ["done"] * 3
    sync_pg_roles()


@pytest.mark.slow
def test_edits_in_two_databases_of_one_cluster_at_once(deployment):
    with deployments.empty() as other:
        deployments.migrate()

        def edit(database, who):
            with psycopg.connect(
                dbname=database.name, user=database.web, password=PASSWORD, autocommit=True
            ) as login:
                for number in range(20):
                    name = f"Team {who} {number}"
                    login.execute("INSERT INTO auth_group (name) VALUES (%s)", [name])
                    login.execute(
                        "INSERT INTO auth_group_permissions (group_id, permission_id)"
                        " SELECT g.id, p.id FROM auth_group g, auth_permission p"
                        " WHERE g.name = %s AND p.codename ~ 'ticket'",
                        [name],
                    )
                    login.execute(
                        "UPDATE auth_group SET name = 'x' || name WHERE name = %s", [name]
                    )
            return "done"

        runs = [partial(edit, one, who) for one in (deployment, other) for who in "ab"]
        ends = at_once(*runs)
        there = sync_pg_roles(check=True).out

    assert ends == ["done"] * 4
    assert there == CLEAN


def test_ten_thousand_memberships_in_one_statement(deployment):
    deployment.as_boss(
        "INSERT INTO office_user (username, password, is_superuser, first_name, last_name, email,"
        " is_staff, is_active, date_joined)"
        " SELECT 'm' || n, '', false, '', '', '', false, true, now()"
        " FROM generate_series(1, 10000) n"
    )
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO office_user_groups (user_id, group_id) SELECT u.id, g.id"
            " FROM office_user u, auth_group g WHERE u.username ~ '^m' AND g.name = 'Shared 1'"
        )
    spent = time.monotonic() - began
    [member] = User.objects.filter(username="m77")
    with as_user(member), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        current = cursor.fetchone()[0]

    assert current == deployment.role("shared_1")
    assert spent < 10


def test_two_admins_who_edit_one_group_wait_for_each_other(deployment):
    first, second = (
        psycopg.connect(dbname=deployment.name, user=deployment.web, password=PASSWORD)
        for _ in range(2)
    )
    add = (
        "INSERT INTO auth_group_permissions (group_id, permission_id) SELECT g.id, p.id"
        " FROM auth_group g, auth_permission p WHERE g.name = 'Shared 0' AND p.codename = %s"
    )
    first.execute(add, ["delete_ticket"])

    def commit():
        time.sleep(0.3)
        first.commit()

    def go_on():
        second.execute(add, ["change_ticket"])
        second.commit()

    ends = at_once(commit, go_on)
    first.close()
    second.close()

    assert ends == [None, None]
    assert holds(deployment, "shared_0", "DELETE")
    assert holds(deployment, "shared_0", "UPDATE")


def test_a_transaction_that_sees_what_was_before_is_told_to_begin_anew(deployment):
    """It would grant by permissions that another took away meanwhile."""
    group = Group.objects.get(name="Shared 0")
    alias = connections["pooled"]
    late = Group.objects.using("pooled").get(pk=group.pk)
    with transaction.atomic(using="pooled"):
        with alias.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT count(*) FROM auth_group_permissions")
        group.permissions.clear()
        with pytest.raises(OperationalError) as caught:
            late.permissions.add(people.permission("office.delete_ticket"))
        transaction.set_rollback(True, using="pooled")

    assert caught.value.__cause__.sqlstate == "40001"
    assert not holds(deployment, "shared_0")


def test_an_edit_that_meets_another_grant_on_the_table_tries_again(deployment):
    """PostgreSQL itself would say "tuple concurrently updated" to whoever waited."""
    group = Group.objects.get(name="Shared 0")
    one = people.permission("office.delete_ticket")
    with psycopg.connect(dbname=deployment.name) as administrator:
        administrator.execute("GRANT SELECT ON office_ticket TO pg_monitor")

        def commit():
            time.sleep(0.5)
            administrator.commit()

        ends = at_once(commit, lambda: group.permissions.add(one))
    deployment.rows("REVOKE SELECT ON office_ticket FROM pg_monitor")

    assert ends == [None, None]
    assert holds(deployment, "shared_0", "DELETE")


@pytest.mark.parametrize("alias", ["default", "owner"])
def test_a_group_made_in_a_long_transaction_waits_for_no_reader(deployment, alias):
    member = User.objects.get(username="user 1")
    with transaction.atomic(using=alias):
        Group.objects.using(alias).create(name="Slow")

        def read():
            with as_user(member, tenant=member.tenant_id):
                return Ticket.objects.count()

        ends = at_once(read, read)

    assert ends == [1, 1]
