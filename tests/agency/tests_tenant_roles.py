"""A role for each tenant: made and retired with its row, and worth nothing without the setting."""

import io
import os
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, connections, transaction
from django.test import override_settings
from rls_perms import PermissionDenied, as_role, as_system, as_user
from rls_perms.exceptions import ContextRefused, UnknownRole

from cases.models import Client, Statistic
from conftest import NOBODY, keys, seen

pytestmark = pytest.mark.skipif(
    not os.environ.get("AGENCY_TENANT_ROLES"), reason="for the mode with roles"
)
NAME = settings.NAME
SIGNED = bool(settings.RLS_PERMS.get("SIGNED_CONTEXT"))


def execute(statement, *values, alias="default"):
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def administrator(statement):
    with psycopg.connect(dbname=NAME, autocommit=True) as own:
        found = own.execute(statement)
        return found.fetchall() if found.description else None


def sync(**options):
    out = io.StringIO()
    call_command("sync_pg_roles", stdout=out, stderr=io.StringIO(), no_color=True, **options)
    return out.getvalue()


@contextmanager
def configured(**tenant_roles):
    """TENANT_ROLES as given, obeyed by a sync; and as before afterwards."""
    with override_settings(RLS_PERMS={**settings.RLS_PERMS, "TENANT_ROLES": tenant_roles or False}):
        connections.close_all()
        sync()
        yield
    connections.close_all()
    sync()


def role_of(client):
    return f"{NAME}_tenant_{client.pk}"


def belongs_to(role):
    rows = administrator(
        "SELECT pg_get_userbyid(roleid) FROM pg_auth_members"
        f" WHERE member = (SELECT oid FROM pg_roles WHERE rolname = '{role}')"
    )
    return {name.removeprefix(f"{NAME}_") for (name,) in rows}


def may_become(login, role):
    ((answer,),) = administrator(f"SELECT pg_has_role('{login}', '{role}', 'MEMBER')")
    return answer


@pytest.fixture
def boss(world):
    leads = world.group("Leads", "cases.view_case", "cases.change_case", "cases.view_bill")
    boss = world.user("boss", groups=[leads])
    world.member(boss, world.acme)
    world.member(boss, world.globex)
    return boss


# Roles


def test_a_session_role_is_one_tenants_and_one_combinations(world, boss):
    with as_user(boss, tenant=world.acme):
        ((role,),) = execute("SELECT current_user::text")

    assert role == f"{NAME}_lead_tenant_{world.acme.pk}"
    assert belongs_to(role) == {"everyone", "lead", f"tenant_{world.acme.pk}"}


def test_visitors_superusers_and_users_without_groups_have_roles_of_a_tenant(world):
    root, ada = world.user("root", is_superuser=True), world.user("ada")
    found = {}
    for name, one in (("root", root), ("ada", ada), ("nobody", NOBODY)):
        with as_user(one, tenant=world.acme):
            ((found[name],),) = execute("SELECT current_user::text")

    tenant = f"tenant_{world.acme.pk}"
    assert belongs_to(found["root"]) == {"superuser", tenant}
    assert belongs_to(found["ada"]) == {"everyone", tenant}
    assert belongs_to(found["nobody"]) == {"anonymous", tenant}


def test_the_role_is_made_in_the_transaction_that_makes_the_tenant(world):
    with as_system(reason="a test"), transaction.atomic():
        made = Client.objects.create(name="initech")
        during = execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", role_of(made))
        transaction.set_rollback(True)

    assert during == [(1,)]
    assert administrator(f"SELECT 1 FROM pg_roles WHERE rolname = '{role_of(made)}'") == []


def test_the_mark_of_the_role_says_which_tenant(world):
    ((mark,),) = administrator(
        "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles"
        f" WHERE rolname = '{role_of(world.acme)}'"
    )

    assert '"kind": "tenant"' in mark
    assert f'"id": "{world.acme.pk}"' in mark


def test_a_deleted_tenants_roles_are_retired_at_once_and_pruned_later(world, boss):
    seen(boss, world.globex)
    session, tenant = f"{NAME}_lead_tenant_{world.globex.pk}", role_of(world.globex)
    before = may_become(f"{NAME}_web", session)

    execute("DELETE FROM cases_membership", alias="owner")
    execute("DELETE FROM cases_case", alias="owner")
    execute("DELETE FROM cases_bill", alias="owner")
    execute("DELETE FROM cases_client WHERE name = 'globex'", alias="owner")

    assert before
    assert not may_become(f"{NAME}_web", session)
    assert belongs_to(session) == set()
    assert "Nothing to do" in sync(check=True)
    assert f"drop role {tenant} (tenant)" in sync(prune=True, plan=True)
    sync(prune=True)
    assert administrator(f"SELECT 1 FROM pg_roles WHERE rolname IN ('{session}', '{tenant}')") == []


def test_a_tenant_that_gets_another_key_gets_another_role(world):
    execute("DELETE FROM cases_case", alias="owner")
    execute("DELETE FROM cases_bill", alias="owner")

    execute("UPDATE cases_client SET id = 900001 WHERE name = 'globex'", alias="owner")

    assert administrator(f"SELECT 1 FROM pg_roles WHERE rolname = '{NAME}_tenant_900001'") == [(1,)]
    assert "Nothing to do" in sync(check=True)


def test_a_tenant_that_is_renamed_asks_for_no_role_and_waits_for_nobody(world):
    with transaction.atomic(using="owner"):
        execute("SELECT pg_advisory_xact_lock(%s)", int.from_bytes(b"rls_perm"), alias="owner")
        with as_system(reason="a test"):
            changed = Client.objects.filter(pk=world.acme.pk).update(name="other")

    assert changed == 1


def test_a_role_of_that_name_that_is_somebody_elses_is_refused(world):
    administrator(f'CREATE ROLE "{NAME}_tenant_900002"')
    try:
        with as_system(reason="a test"), pytest.raises(DatabaseError) as refused:
            Client.objects.create(pk=900002, name="initech")
    finally:
        administrator(f'DROP ROLE "{NAME}_tenant_900002"')

    assert "exists and is not that of tenant 900002" in str(refused.value)
    assert Client.objects.using("owner").count() == 2


def test_a_combination_in_a_tenant_is_made_on_first_use_and_stays_clean(world, boss):
    seen(boss, world.acme)
    seen(NOBODY, world.acme, "cases_client")
    with as_role("lead", tenant=world.globex):
        keys()

    assert "Nothing to do" in sync(check=True)
    assert "Nothing to do" in sync(plan=True)


def test_sync_makes_the_roles_of_the_tenants_in_which_users_are(world, boss):
    sync()

    for client in (world.acme, world.globex):
        assert may_become(f"{NAME}_web", f"{NAME}_lead_tenant_{client.pk}")


def test_first_use_in_a_read_only_transaction_is_refused_with_what_to_do(world, boss):
    refused = pytest.raises(UnknownRole, match="this transaction is read only")
    with as_user(boss, tenant=None), transaction.atomic():
        execute("SET TRANSACTION READ ONLY")
        with as_role("lead", tenant=world.acme), refused:
            execute("SELECT 1")
        transaction.set_rollback(True)


# Setting and role have to agree


#: What a role shows that was not proved, and what a setting changes, where contexts are signed.
NOTHING_BY_ROLE = "RP022" if SIGNED else set()
NOTHING_BY_SETTING = {"acme's"} if SIGNED else set()


def forged(world, boss, injected):
    """The cases that are seen after an injection, in a request of boss in acme; or the SQLSTATE."""
    seen(boss, world.globex)
    try:
        with as_user(boss, tenant=world.acme), connection.cursor() as cursor:
            cursor.execute(f"SELECT 1; {injected}; SELECT title FROM cases_case")
            while cursor.nextset():
                pass
            return {title for (title,) in cursor.fetchall()}
    except ContextRefused as refused:
        return refused.sqlstate


def test_an_injected_change_of_the_setting_alone_shows_nothing(world, boss):
    found = forged(world, boss, f"SET LOCAL rls_perms.tenant_id = '{world.globex.pk}'")

    assert found == NOTHING_BY_SETTING


def test_an_injected_change_of_the_role_alone_shows_nothing(world, boss):
    found = forged(world, boss, f"SET LOCAL ROLE {NAME}_lead_tenant_{world.globex.pk}")

    assert found == NOTHING_BY_ROLE


@pytest.mark.parametrize("short", ["lead", "everyone", "superuser", "anonymous"])
def test_an_injected_role_that_is_no_tenants_shows_nothing(world, boss, short):
    assert forged(world, boss, f"SET LOCAL ROLE {NAME}_{short}") == NOTHING_BY_ROLE


def said_in_one(boss, client, *settings):
    """What a query in a text says, in a statement that sets parameters first; or the SQLSTATE."""
    forging = "".join(f"set_config('{name}', '{value}', true), " for name, value in settings)
    # A text is planned when it is reached. Not query_to_xml: some servers lack libxml.
    query = "SELECT to_tsvector(''simple'', title) FROM cases_case"
    try:
        with as_user(boss, tenant=client), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {forging}(SELECT array_agg(word ORDER BY word) FROM ts_stat('{query}'))"
            )
            return cursor.fetchone()[-1]
    except ContextRefused as refused:
        return refused.sqlstate


def test_in_one_statement_either_alone_shows_nothing(world, boss):
    seen(boss, world.globex)
    role = ("role", f"{NAME}_lead_tenant_{world.globex.pk}")
    tenant = ("rls_perms.tenant_id", world.globex.pk)

    assert said_in_one(boss, world.acme, role) == ("RP022" if SIGNED else None)
    assert said_in_one(boss, world.acme, tenant) == (["acme", "s"] if SIGNED else None)
    assert said_in_one(boss, world.acme, role, tenant) == ("RP022" if SIGNED else ["globex", "s"])


def test_both_together_are_what_signed_context_is_for(world, boss):
    # SET ROLE is no boundary against stacked statements: the documentation says so.
    role, tenant = f"{NAME}_lead_tenant_{world.globex.pk}", world.globex.pk
    injected = f"SET LOCAL ROLE {role}; SET LOCAL rls_perms.tenant_id = '{tenant}'"

    assert forged(world, boss, injected) == (NOTHING_BY_ROLE if SIGNED else {"globex's"})


def test_a_tenants_key_that_is_written_otherwise_is_the_same_tenant(world, boss):
    with as_user(boss, tenant=f"0{world.acme.pk}"):
        assert keys() == {world.cases[world.acme].pk}


# What tenants have of their own


def test_the_settings_of_a_tenant_go_along_with_its_roles(world, boss):
    of_acme = {"settings": {"statement_timeout": "7s", "work_mem": "9MB"}}
    with configured(tenants={str(world.acme.pk): of_acme}):
        with as_user(boss, tenant=world.acme):
            in_acme = execute("SHOW statement_timeout"), execute("SHOW work_mem")
        with as_user(boss, tenant=world.globex):
            in_globex = execute("SHOW statement_timeout"), execute("SHOW work_mem")

    # A tenant's own counts, before that of a group.
    assert in_acme == ([("7s",)], [("9MB",)])
    assert in_globex == ([("90s",)], [("4MB",)])


def test_a_table_that_only_some_tenants_have(world, boss):
    root = world.user("root", is_superuser=True)
    world.make(Statistic(number=1))
    everybody = seen(boss, world.globex, "cases_statistic")
    with configured(tenants={str(world.acme.pk): {"models": ["cases.Statistic"]}}):
        assert seen(boss, world.acme, "cases_statistic") == everybody
        assert seen(boss, world.globex, "cases_statistic") is None
        assert seen(boss, None, "cases_statistic") is None
        assert seen(root, world.globex, "cases_statistic") is None
        assert seen(root, world.acme, "cases_statistic") == everybody
        with as_system(reason="a test"):
            assert Statistic.objects.count() == 1
        with pytest.raises(PermissionDenied):
            execute("SELECT * FROM cases_statistic")
        assert "Nothing to do" in sync(check=True)

    assert len(everybody) == 1
    assert seen(boss, world.globex, "cases_statistic") == everybody


def test_a_tenant_that_is_made_later_has_its_table_at_once(world, boss):
    with configured(tenants={"900003": {"models": ["cases.Statistic"]}}):
        made = world.make(Client(pk=900003, name="initech"))

        assert seen(boss, made, "cases_statistic") == set()
        assert "Nothing to do" in sync(check=True)


def test_logins_that_each_serve_a_share_of_the_tenants(world, boss):
    other = f"{NAME}_web2"
    administrator(f"CREATE ROLE {other} LOGIN NOINHERIT PASSWORD 'secret'")
    administrator(f"GRANT CONNECT ON DATABASE {NAME} TO {other}")
    both = {**settings.RLS_PERMS, "LOGIN_ROLES": [f"{NAME}_web", other]}
    try:
        with (
            override_settings(RLS_PERMS=both),
            configured(logins={other: [world.globex.pk]}),
        ):
            acme, globex = (f"{NAME}_lead_tenant_{one.pk}" for one in (world.acme, world.globex))

            assert may_become(other, globex)
            assert not may_become(other, acme)
            assert may_become(f"{NAME}_web", acme)
            assert not may_become(f"{NAME}_web", globex)
            assert not may_become(other, f"{NAME}_system")
            assert "Nothing to do" in sync(check=True)
            assert seen(boss, world.globex) is None
            assert seen(boss, world.acme) == {world.cases[world.acme].pk}
    finally:
        connections.close_all()
        sync()
        administrator(f"DROP OWNED BY {other}")
        administrator(f"DROP ROLE {other}")


# On and off


def test_it_goes_on_and_off_by_setting_and_sync_alone(world, boss):
    with configured():
        off = seen(boss, world.acme), seen(boss, world.globex)
        with as_user(boss, tenant=world.acme):
            ((role,),) = execute("SELECT current_user::text")
        in_use = belongs_to(f"{NAME}_lead_tenant_{world.acme.pk}")
        after_pruning = sync(prune=True)
        left = administrator(f"SELECT rolname FROM pg_roles WHERE rolname LIKE '{NAME}%tenant_%'")
        clean = sync(check=True)

    assert off == ({world.cases[world.acme].pk}, {world.cases[world.globex].pk})
    assert role == f"{NAME}_lead"
    assert in_use == set()
    assert after_pruning
    assert left == []
    assert "Nothing to do" in clean
    assert seen(boss, world.acme) == {world.cases[world.acme].pk}
    forging = f"SET LOCAL rls_perms.tenant_id = '{world.globex.pk}'"
    assert forged(world, boss, forging) == NOTHING_BY_SETTING


def test_a_plan_names_what_it_would_do(world):
    with override_settings(RLS_PERMS={**settings.RLS_PERMS, "TENANT_ROLES": False}):
        planned = sync(plan=True)
        with pytest.raises(CommandError):
            sync(check=True)

    assert f"forget {role_of(world.acme)} for part 't{world.acme.pk}'" in planned
    assert "define functions" in planned


def test_without_live_triggers_first_use_makes_the_role_of_a_new_tenant(world, boss):
    given = {**settings.RLS_PERMS, "LIVE_SYNC": False}
    with override_settings(RLS_PERMS=given):
        sync()
        made = world.make(Client(name="initech"))
        before = administrator(f"SELECT 1 FROM pg_roles WHERE rolname = '{role_of(made)}'")
        found = seen(boss, made)
    sync()

    assert before == []
    assert found == set()
    assert administrator(f"SELECT 1 FROM pg_roles WHERE rolname = '{role_of(made)}'") == [(1,)]
