"""The live triggers are part of what a sync defines: found when amiss, mended, removed."""

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings

from rls_perms import as_role, as_user
from rls_perms.exceptions import PermissionDenied
from tests import deployments, kept, people, variants
from tests.deployments import PASSWORD, sync_pg_roles
from tests.test_live import CLEAN, belongs, holds, mapped

DEFINED = "  define live triggers\n1 change made.\n"


@pytest.fixture(autouse=True)
def clean(deployment):
    """Nobody, and nothing left to do."""
    kept.empty()
    sync_pg_roles(prune=True)


def triggers(deployment):
    """How many triggers follow the auth tables."""
    return deployment.value("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^rls_perms_live_'")


def functions(deployment):
    return [
        name
        for (name,) in deployment.rows(
            "SELECT oid::regprocedure::text FROM pg_proc"
            " WHERE pronamespace = 'rls_perms'::regnamespace AND proname ~ '^live_' ORDER BY 1"
        )
    ]


# Drift


CHANGED = """
CREATE OR REPLACE FUNCTION rls_perms.live_grants(holder text, permissions text[]) RETURNS void
LANGUAGE plpgsql AS 'BEGIN END'
"""
AMISS = {
    "a trigger dropped": "DROP TRIGGER rls_perms_live_insert ON auth_group",
    "a trigger disabled": "ALTER TABLE auth_group DISABLE TRIGGER rls_perms_live_lock",
    "all triggers of a table disabled": "ALTER TABLE auth_group_permissions DISABLE TRIGGER USER",
    "a trigger of another function": (
        "CREATE OR REPLACE TRIGGER rls_perms_live_truncate AFTER TRUNCATE ON auth_group"
        " FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.live_lock()"
    ),
    "a trigger where none belongs": (
        "CREATE TRIGGER rls_perms_live_stray AFTER TRUNCATE ON office_ticket"
        " FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.live_lock()"
    ),
    "a function changed": CHANGED,
    "a function that a caller's rights suffice for": (
        "ALTER FUNCTION rls_perms.live_on_group() SECURITY INVOKER"
    ),
    "a function dropped": "DROP FUNCTION rls_perms.live_on_group() CASCADE",
    "a function of an older version": (
        "CREATE FUNCTION rls_perms.live_older() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "REVOKE ALL ON FUNCTION rls_perms.live_older() FROM PUBLIC"
    ),
}


PLAIN = ("a trigger dropped", "a trigger disabled", "a function changed", "a function dropped")


@pytest.mark.parametrize("statement", variants.cases(AMISS, plain=PLAIN))
def test_what_is_amiss_with_the_triggers_is_found_and_mended(deployment, statement):
    deployment.as_boss(statement)
    found = sync_pg_roles(check=True)
    mended = sync_pg_roles()
    people.group("Readers", "office.view_ticket")

    assert (found.status, found.out) == (1, "  define live triggers\n")
    assert mended.out == DEFINED
    assert sync_pg_roles(check=True).out == CLEAN
    assert holds(deployment, "readers")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM rls_perms.known_role WHERE kind = 'permission'",
        "DELETE FROM rls_perms.known_grant",
        "UPDATE rls_perms.known_grant SET privilege = 'DELETE' WHERE object = 'office_ticket'"
        " AND privilege = 'SELECT'",
        "UPDATE rls_perms.known_role SET asked = NOT asked",
    ],
)
def test_a_map_that_was_changed_is_found_and_written_anew(deployment, statement):
    deployment.as_boss("DELETE FROM rls_perms.known_grant WHERE privilege = 'DELETE'")
    deployment.as_boss(statement)
    found = sync_pg_roles(check=True)
    sync_pg_roles()

    assert (found.status, found.out) == (1, "  define live map of permissions\n")
    assert sync_pg_roles(check=True).out == CLEAN


def test_plan_names_triggers_and_map(deployment):
    with deployments.without_live_triggers():
        removed = triggers(deployment)
    with override_settings(RLS_PERMS={"DATABASES": ["default"], "TENANT_MODEL": "office.Tenant"}):
        said = sync_pg_roles(plan=True).out

    assert removed == 0
    assert "define live map of permissions" in said


# What does not disturb them


def test_migrate_alone_installs_them():
    with deployments.empty() as other:
        deployments.migrate()

        assert triggers(other) == 24
        assert sync_pg_roles(check=True).out == CLEAN


@pytest.mark.slow
def test_guardian_back_to_zero_and_forth(deployment):
    group = people.group("Readers", "office.view_ticket")
    deployments.migrate("guardian", "zero")
    zero = sync_pg_roles(check=True).out
    Group.objects.get(pk=group.pk).permissions.clear()
    taken = holds(deployment, "readers")
    deployments.migrate()

    assert (zero, taken) == (CLEAN, False)
    assert sync_pg_roles(check=True).out == CLEAN


@pytest.mark.slow
def test_auth_back_to_its_first_migrations_and_forth(deployment):
    people.group("Readers", "office.view_ticket")
    for model, column in (("group", "name"), ("permission", "codename"), ("permission", "name")):
        with connections["owner"].schema_editor() as editor:
            # What auth's migrations do: another length, and back.
            editor.execute(f"ALTER TABLE auth_{model} ALTER COLUMN {column} TYPE varchar(200)")
            editor.execute(f"ALTER TABLE auth_{model} ALTER COLUMN {column} TYPE varchar(150)")
    deployments.migrate()
    people.group("Writers", "office.change_ticket")

    assert sync_pg_roles(check=True).out == CLEAN
    assert holds(deployment, "writers", "UPDATE")


def test_flush(deployment):
    people.user("one", groups=[people.group("Readers", "office.view_ticket")])
    call_command("flush", database="owner", verbosity=0, interactive=False)

    assert not holds(deployment, "readers")
    assert sync_pg_roles(check=True).out == CLEAN


# Without them


def test_without_live_sync_they_are_removed_and_drift_is_reported(deployment, request):
    with deployments.without_live_triggers():
        before = triggers(deployment), functions(deployment)
        clean = sync_pg_roles(check=True)
        people.group("Readers", "office.view_ticket")
        drift = sync_pg_roles(check=True)
        sync_pg_roles()
        synced = holds(deployment, "readers")

    assert before == (0, ["rls_perms.live_digest()", "rls_perms.live_map_digest()"])
    assert clean.out == CLEAN
    assert drift.status == 1
    assert "create role" in drift.out
    assert "live" not in drift.out
    assert synced
    assert triggers(deployment) == 24
    assert sync_pg_roles(check=True).out == CLEAN


def test_an_owner_without_createrole_has_none_and_is_told(deployment):
    people.group("Readers", "office.view_ticket")
    deployment.rows(f"ALTER ROLE {deployment.boss} NOCREATEROLE")
    try:
        said = sync_pg_roles()
        made = Group.objects.create(name="Writers")
        drift = sync_pg_roles(check=True)
    finally:
        deployment.rows(f"ALTER ROLE {deployment.boss} CREATEROLE")
    removed = triggers(deployment)
    sync_pg_roles()

    assert said.status == 0
    assert f"The owner {deployment.boss!r} lacks CREATEROLE, so changes of groups" in said.err
    assert removed == 0
    assert drift.status == 1
    assert f"g{made.pk}" in mapped(deployment)
    assert sync_pg_roles(check=True).out == CLEAN


def test_an_owner_that_lost_createrole_stops_nobody_who_edits_groups(deployment):
    readers = people.group("Readers", "office.view_ticket")
    deployment.rows(f"ALTER ROLE {deployment.boss} NOCREATEROLE")
    try:
        made = Group.objects.create(name="Writers")
        readers = Group.objects.get(pk=readers.pk)
        readers.permissions.clear()
        taken = holds(deployment, "readers")
        readers.permissions.add(people.permission("office.delete_ticket"))
        Group.objects.filter(pk=readers.pk).update(name="Others")
        made.delete()
        drift = sync_pg_roles(check=True)
    finally:
        deployment.rows(f"ALTER ROLE {deployment.boss} CREATEROLE")
    sync_pg_roles()

    assert not taken
    assert drift.status == 1
    assert "lacks CREATEROLE" in drift.err
    assert holds(deployment, "others", "DELETE")
    assert sync_pg_roles(check=True).out == CLEAN


def test_a_sync_by_a_superuser_leaves_the_functions_to_the_owner(deployment):
    deployment.as_boss("DROP FUNCTION rls_perms.live_on_group() CASCADE")
    deployment.rows(f"ALTER ROLE {deployment.boss} SUPERUSER")
    deployment.rows("DROP FUNCTION rls_perms.live_grants(text, text[])")
    sync_pg_roles()
    deployment.rows(f"ALTER ROLE {deployment.boss} NOSUPERUSER")

    assert deployment.value(
        "SELECT bool_and(proowner = %s::regrole) FROM pg_proc WHERE proname ~ '^live_'",
        deployment.boss,
    )


# What they open to nobody


def test_the_login_may_call_none_of_the_functions(deployment):
    for name in functions(deployment):
        allowed = deployment.value(
            "SELECT has_function_privilege(%s, %s, 'EXECUTE')", deployment.web, name
        )
        everybody = deployment.value(
            "SELECT has_function_privilege(%s, %s, 'EXECUTE')", deployment.role("everyone"), name
        )
        assert (name, allowed, everybody) == (name, False, False)


@pytest.mark.parametrize("table", ["known_role", "known_grant", "role_map", "installation"])
def test_the_login_may_not_touch_the_map(deployment, table):
    for statement in (f"DELETE FROM rls_perms.{table}", f"TABLE rls_perms.{table}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            deployment.rows(statement, user=deployment.web)


def test_the_login_may_not_put_a_trigger_or_take_one_away(deployment):
    for statement in (
        "DROP TRIGGER rls_perms_live_lock ON auth_group",
        "ALTER TABLE auth_group DISABLE TRIGGER ALL",
        "CREATE TRIGGER mine BEFORE INSERT ON auth_group"
        " FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.live_on_group()",
        "TRUNCATE auth_group CASCADE",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            deployment.rows(statement, user=deployment.web)


def test_a_function_of_triggers_does_nothing_on_a_table_of_the_logins_own(deployment):
    """Whoever may create tables may not have the owner's functions look at them."""
    deployment.rows(f"GRANT TEMPORARY ON DATABASE {deployment.name} TO {deployment.web}")
    make = (
        "CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS changed_new"
        " FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.live_on_group()"
    )
    refused = pytest.raises(
        psycopg.errors.InsufficientPrivilege, match=r"function rls_perms\.live_on_group"
    )
    with psycopg.connect(
        dbname=deployment.name, user=deployment.web, password=PASSWORD, autocommit=True
    ) as login:
        login.execute("CREATE TEMPORARY TABLE mine (id int, name text)")
        with refused:
            login.execute(make)


def test_a_session_role_that_may_change_groups_cannot_by_sql(deployment):
    group = people.group("Chiefs", "office.view_ticket")
    chief = people.user(
        "chief",
        groups=[group],
        permissions=["auth.change_group", "auth.add_group", "auth.delete_group"],
    )
    for statement in (
        "UPDATE auth_group SET name = 'mine'",
        "INSERT INTO auth_group (name) VALUES ('mine')",
        "INSERT INTO auth_group_permissions (group_id, permission_id) VALUES (1, 1)",
        "DELETE FROM auth_group",
    ):
        with as_user(chief), connection.cursor() as cursor, pytest.raises(PermissionDenied):
            cursor.execute(statement)


def test_a_name_of_a_group_is_never_sql(deployment):
    name = "x\"; DROP TABLE office_ticket; --' \\ $function$ {0} %s %I"
    made = people.group(name, "office.view_ticket")
    Group.objects.filter(pk=made.pk).update(name=name[::-1])
    role = mapped(deployment)[f"g{made.pk}"]

    assert holds(deployment, role)
    assert belongs(deployment, role, "everyone")
    assert sync_pg_roles(check=True).out == CLEAN


def test_a_role_of_a_group_made_at_run_time_can_be_entered_by_name(deployment):
    people.group("Readers", "office.view_ticket")
    with as_role("readers"), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM office_ticket")
        assert cursor.fetchone() == (0,)
