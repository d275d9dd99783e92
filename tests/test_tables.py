"""Tables of every kind get the privileges of their kind, and only those of the owner's do."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from tests import deployments

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.depot.settings"}
ROWS = {"SELECT", "INSERT", "UPDATE", "DELETE"}


@pytest.fixture(scope="module")
def depot():
    """A depot with a group that has every permission on items, papers and bargains."""
    with deployments.empty() as made:
        made.as_boss(
            "CREATE SCHEMA private;"
            "CREATE TABLE depot_legacy (id serial PRIMARY KEY, name text);"
            "CREATE VIEW depot_summary AS SELECT id, name FROM depot_legacy;"
            "CREATE TABLE depot_swapped (id serial PRIMARY KEY, name text);"
        )
        made.rows("CREATE TABLE depot_foreign (id serial PRIMARY KEY, name text)")
        ended = made.manage("migrate", "--run-syncdb", "--database=owner", **SETTINGS)
        assert ended.returncode == 0, ended.stderr
        give(made, "Managers", "item", "paper")
        give(made, "Clerks", "bargain")
        said = made.manage("sync_pg_roles", **SETTINGS)
        assert said.returncode == 0, said.stderr
        yield made


def give(deployment, group, *models):
    """Give *group* every permission on *models*."""
    deployment.as_boss("INSERT INTO auth_group (name) VALUES (%s)", group)
    deployment.as_boss(
        "INSERT INTO auth_group_permissions (group_id, permission_id)"
        " SELECT g.id, p.id FROM auth_group g, auth_permission p"
        " JOIN django_content_type c ON c.id = p.content_type_id"
        " WHERE g.name = %s AND c.app_label = 'depot' AND c.model = ANY (%s)",
        group,
        list(models),
    )


def privileges(depot, role, table):
    names = ROWS | {"TRUNCATE", "REFERENCES", "TRIGGER"}
    return {
        name
        for name in names
        if depot.value("SELECT has_table_privilege(%s, %s, %s)", role, table, name)
    }


def run(depot, role, statement):
    """Run *statement* as the login that became *role*, and take it back."""
    with psycopg.connect(
        dbname=depot.name, user=depot.web, password=deployments.PASSWORD
    ) as connection:
        connection.execute(f"SET LOCAL ROLE {depot.role(role)}")
        rows = connection.execute(statement).fetchall()
        connection.rollback()
    return rows


def test_a_depot_needs_nothing_after_a_sync(depot):
    assert depot.manage("sync_pg_roles", "--check", **SETTINGS).returncode == 0


@pytest.mark.parametrize("table", ["depot_shelf", "depot_legacy", "private.poster"])
@pytest.mark.parametrize("short", ["everyone", "anonymous", "superuser", "system", "web"])
def test_open_tables_are_everybodys_whoever_made_them(depot, table, short):
    assert privileges(depot, depot.role(short), table) == ROWS


@pytest.mark.parametrize("short", ["everyone", "anonymous", "superuser", "system", "web"])
def test_a_view_is_closed_since_it_shows_its_owners_rows(depot, short):
    assert privileges(depot, depot.role(short), "depot_summary") == set()


@pytest.mark.parametrize("table", ["depot_item", "private.paper"])
@pytest.mark.parametrize(
    ("short", "held"),
    [
        ("web", set()),
        ("everyone", set()),
        ("anonymous", set()),
        ("superuser", ROWS),
        ("system", ROWS),
        ("manager", ROWS),
    ],
)
def test_protected_tables_are_of_those_with_the_permission(depot, table, short, held):
    assert privileges(depot, depot.role(short), table) == held


@pytest.mark.parametrize("table", ["depot_crate", "depot_swapped", "depot_foreign"])
@pytest.mark.parametrize(
    "short", ["everyone", "anonymous", "superuser", "system", "manager", "web"]
)
def test_tables_that_no_policy_covers_are_nobodys(depot, table, short):
    assert privileges(depot, depot.role(short), table) == set()


def test_permissions_of_a_proxy_are_no_privileges(depot):
    assert privileges(depot, depot.role("clerk"), "depot_item") == set()


@pytest.mark.parametrize("short", ["everyone", "superuser", "system"])
def test_sequences_of_open_tables_can_be_used(depot, short):
    assert run(depot, short, "INSERT INTO depot_shelf (name) VALUES ('one') RETURNING id")


@pytest.mark.parametrize("short", ["manager", "system"])
@pytest.mark.parametrize("table", ["depot_item", "private.paper"])
def test_sequences_of_protected_tables_can_be_used_by_who_may_insert(depot, short, table):
    statement = f"INSERT INTO {table} (name) VALUES ('one') RETURNING id"

    assert run(depot, short, statement)


@pytest.mark.parametrize("short", ["everyone", "clerk", "anonymous"])
def test_sequences_of_protected_tables_are_closed_to_everybody_else(depot, short):
    with pytest.raises(InsufficientPrivilege):
        run(depot, short, "SELECT nextval('depot_item_id_seq')")


@pytest.mark.parametrize("short", ["everyone", "manager"])
def test_no_sequence_can_be_set(depot, short):
    with pytest.raises(InsufficientPrivilege):
        run(depot, short, "SELECT setval('depot_shelf_id_seq', 1)")


def test_the_table_of_another_owner_is_a_warning(depot):
    said = depot.manage("sync_pg_roles", **SETTINGS)

    assert "The table of depot.Foreign is not" in said.stderr


def test_what_another_owner_grants_stays(depot):
    depot.rows(f"GRANT SELECT ON depot_foreign TO {depot.role('everyone')}")
    checked = depot.manage("sync_pg_roles", "--check", **SETTINGS).returncode
    depot.rows(f"REVOKE SELECT ON depot_foreign FROM {depot.role('everyone')}")

    assert checked == 0


def test_a_schema_that_is_opened_to_public_needs_no_privileges(depot):
    depot.as_boss("GRANT USAGE ON SCHEMA private TO PUBLIC")
    depot.manage("sync_pg_roles", **SETTINGS)
    held = depot.value(
        "SELECT count(*) FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'private'"
        " AND grantee = %s::regrole",
        depot.role("everyone"),
    )
    depot.as_boss("REVOKE USAGE ON SCHEMA private FROM PUBLIC")
    depot.manage("sync_pg_roles", **SETTINGS)

    assert held == 0
    assert run(depot, "manager", "SELECT count(*) FROM private.paper") == [(0,)]


def test_a_closed_table_loses_what_a_hand_granted(depot):
    manager, web = depot.role("manager"), depot.web
    depot.as_boss(f"GRANT SELECT ON depot_crate, depot_item_shelves TO {manager}, {web}, PUBLIC")
    found = depot.manage("sync_pg_roles", "--check", **SETTINGS).returncode
    depot.manage("sync_pg_roles", **SETTINGS)

    assert found == 1
    assert privileges(depot, manager, "depot_crate") == set()
    assert privileges(depot, web, "depot_item_shelves") == set()


@pytest.mark.parametrize("short", ["everyone", "anonymous"])
def test_the_table_of_a_many_to_many_field_is_opened_as_far_as_its_policies_go(depot, short):
    held = privileges(depot, depot.role(short), "depot_item_shelves")

    assert held == {"SELECT", "INSERT", "DELETE"}
    assert run(depot, short, "SELECT * FROM depot_item_shelves") == []
