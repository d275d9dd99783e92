"""Applications that use other libraries, before and after their guide is followed literally."""

import psycopg
import pytest
from django.conf import settings

from tests.moving.projects import Peer
from tests.pages import ROOT, blocks

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """An application after django-rls-tenants' quick start, deployed by that library."""
    pytest.importorskip(
        "django_rls_tenants", reason="django-rls-tenants needs Python 3.12 or later"
    )
    peer = Peer(tmp_path_factory.mktemp("shop"), f"{settings.PROJECT}_shop", named="shop")
    peer.make_database()
    peer.succeed("python manage.py makemigrations")
    peer.succeed("python manage.py check_rls --generate || true")  # nothing is migrated yet
    peer.succeed("mv later/*.py myapp/migrations/")
    peer.succeed("python manage.py migrate")
    peer.succeed("python manage.py check_rls")
    peer.succeed("python manage.py shell <people.py")
    yield peer
    peer.leave()


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """An application after django-rls' quick start, deployed by that library."""
    peer = Peer(tmp_path_factory.mktemp("studio"), f"{settings.PROJECT}_studio", named="studio")
    peer.make_database()
    peer.succeed("python manage.py makemigrations")
    peer.succeed("python manage.py migrate")
    peer.succeed("python manage.py audit_rls")
    peer.succeed("python manage.py shell <people.py")
    yield peer
    peer.leave()


ALL_ORDERS = ["Anvil", "Axle", "Bolts"]
ALL_NOTES = ["Acme for Globex", "Acme only", "Globex only"]
SHOP = {
    "alice /orders/": ["Anvil", "Axle"],
    "alice /orders/by-sql/": ["Anvil", "Axle"],
    "alice /orders/filtered-sql/": ["Anvil", "Axle"],
    "alice /books/": ["Acme's book"],
    "alice /customers/": ["Anvil for Acme's customer", "Axle for Acme's customer"],
    "alice /labels/": [[1, 1], [2, 1]],
    "alice /notes/": ["Acme for Globex", "Acme only"],
    "alice /notes/shared/": ["Acme for Globex", "Acme only"],
    "alice /labellings/": ["1 1"],
    "bob /orders/": ["Bolts"],
    "bob /orders/by-sql/": ["Bolts"],
    "bob /orders/filtered-sql/": ["Bolts"],
    "bob /books/": ["Globex's book"],
    "bob /customers/": ["Bolts for Globex's customer"],
    "bob /labels/": [[3, 2]],
    "bob /notes/": ["Globex only"],
    "bob /notes/shared/": ["Acme for Globex", "Globex only"],
    "bob /labellings/": ["2 2"],
    "root /orders/": ALL_ORDERS,
    "root /orders/by-sql/": ALL_ORDERS,
    "root /orders/filtered-sql/": ALL_ORDERS,
    "root /books/": ["Acme's book", "Globex's book"],
    "root /customers/": [
        "Anvil for Acme's customer",
        "Axle for Acme's customer",
        "Bolts for Globex's customer",
    ],
    "root /labels/": [[1, 1], [2, 1], [3, 2]],
    "root /notes/": ALL_NOTES,
    "root /notes/shared/": ALL_NOTES,
    "root /labellings/": ["1 1", "2 2"],
}
REPORTS = {
    "of Acme": [["Anvil", "Axle"], "1"],
    "of Globex, soon": ["Bolts"],
    "of all": ALL_ORDERS,
    "of all, soon": ALL_ORDERS,
    "alice": ["Anvil", "Axle"],
    "alice, soon": ["Anvil", "Axle"],
    "alice, by the manager": ["Anvil", "Axle"],
    "root": ALL_ORDERS,
    "root, by the manager": ALL_ORDERS,
    "alice gives Acme": True,
    "alice gives Globex": False,
    "root gives Globex": True,
}
STUDIO = {
    "alice /": {
        "Project": ["alice's public project", "alice's secret project", "bob's public project"],
        "Document": ["alice's public document", "alice's secret document"],
        "Comment": ["on alice's public project", "on alice's secret project"],
        "Task": ["alice's task"],
        "Notice": ["to the north"],
    },
    "alice /by-sql/": [
        "alice's public project",
        "alice's secret project",
        "bob's public project",
    ],
    "bob /": {
        "Project": ["alice's public project", "bob's public project", "bob's secret project"],
        "Document": ["bob's public document", "bob's secret document"],
        "Comment": ["on bob's public project", "on bob's secret project"],
        "Task": ["bob's task"],
        "Notice": ["to the south"],
    },
    "bob /by-sql/": ["alice's public project", "bob's public project", "bob's secret project"],
}
FOREIGN_POLICIES = """
SELECT policy.polrelid::regclass::text, policy.polname
  FROM pg_policy AS policy
 WHERE obj_description(policy.oid, 'pg_policy') IS NULL
    OR NOT starts_with(obj_description(policy.oid, 'pg_policy'), 'rls_perms ')
    OR 0 = ANY (policy.polroles)
"""
FOREIGN_FUNCTIONS = """
SELECT oid::regprocedure::text
  FROM pg_proc
 WHERE pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'rls_perms')
"""
TASKS_OF_BOB = """
from django.contrib.auth.models import User
from projects.reports import tasks_of

print("HAS", tasks_of(User.objects.get(username="bob")))
"""
PUBLIC = ["alice's public project", "bob's public project"]


# Before


def test_django_rls_tenants_shows_each_user_the_orders_of_their_tenant(shop):
    assert shop.ask() == SHOP | {
        "nobody /orders/": [],
        "nobody /orders/by-sql/": [],
        "nobody /orders/filtered-sql/": [],
        "nobody /books/": [],
        "nobody /customers/": [],
        "nobody /labels/": [],
        "nobody /notes/": [],
        "nobody /notes/shared/": [],
        "nobody /labellings/": [],
    }


def test_django_rls_tenants_holds_in_code_without_a_request(shop):
    assert shop.ask("ask_reports.py") == REPORTS


def test_the_application_passes_its_tests_with_django_rls_tenants(shop):
    shop.succeed("python manage.py test")

    assert "Ran 4 tests" in shop.printed


@pytest.mark.parametrize(
    "injected",
    [
        ["SET rls.is_admin = 'true'"],
        ["ALTER TABLE myapp_order DISABLE ROW LEVEL SECURITY"],
    ],
)
def test_the_one_login_of_django_rls_tenants_reaches_every_order(shop, injected):
    assert shop.rows("SELECT title FROM myapp_order") == []

    assert len(shop.rows(*injected, "SELECT title FROM myapp_order")) == 3


def test_django_rls_shows_each_user_their_rows(studio):
    nothing = {name: [] for name in ("Document", "Comment", "Task", "Notice")}

    assert studio.ask() == STUDIO | {
        "nobody /": {"Project": PUBLIC, **nothing},
        "nobody /by-sql/": PUBLIC,
    }


@pytest.mark.parametrize(
    "injected",
    [
        ["SET rls.user_id = '2'"],
        ["ALTER TABLE projects_task DISABLE ROW LEVEL SECURITY"],
    ],
)
def test_the_one_login_of_django_rls_reaches_the_tasks_of_others(studio, injected):
    assert ("bob's task",) in studio.rows(*injected, "SELECT text FROM projects_task")


TAKE_OVER = "UPDATE projects_project SET owner_id = 2 RETURNING name"


def test_whoever_is_shown_a_public_project_of_django_rls_may_take_it(studio):
    taken = studio.rows("SET rls.user_id = '2'", TAKE_OVER)

    assert ("alice's public project",) in taken


# After


@pytest.fixture(scope="module")
def moved_shop(shop):
    shop.follow(blocks(ROOT / "docs" / "from_django_rls_tenants.md"))
    return shop


def test_each_user_is_shown_the_same_orders_after_the_guide(moved_shop):
    assert moved_shop.ask() == SHOP | {
        "nobody /orders/": 403,
        "nobody /orders/by-sql/": 403,
        "nobody /orders/filtered-sql/": 403,
        "nobody /books/": 403,
        "nobody /customers/": 403,
        "nobody /labels/": [],
        "nobody /notes/": 403,
        "nobody /notes/shared/": 403,
        "nobody /labellings/": 403,
    }


@pytest.fixture(scope="module")
def moved_studio(studio):
    studio.follow(blocks(ROOT / "docs" / "from_django_rls.md"))
    return studio


def test_each_user_is_shown_the_same_rows_after_the_guide(moved_studio):
    assert moved_studio.ask() == STUDIO | {"nobody /": 403, "nobody /by-sql/": PUBLIC}


def test_code_without_a_request_answers_the_same_after_the_guide(moved_shop):
    assert moved_shop.ask("ask_reports.py") == REPORTS


@pytest.mark.parametrize("peer", ["moved_shop", "moved_studio"])
def test_only_policies_of_rls_perms_are_left_and_none_is_for_everybody(peer, request):
    peer = request.getfixturevalue(peer)

    assert peer.rows(FOREIGN_POLICIES) == []
    assert peer.rows("SELECT count(*) FROM pg_policies")[0][0] > 10


@pytest.mark.parametrize("peer", ["moved_shop", "moved_studio"])
def test_no_function_of_another_library_is_left(peer, request):
    peer = request.getfixturevalue(peer)

    assert peer.rows(FOREIGN_FUNCTIONS) == []


@pytest.mark.parametrize(
    ("injected", "says"),
    [
        (["SET rls.is_admin = 'true'", "SELECT title FROM myapp_order"], "permission denied"),
        (["ALTER TABLE myapp_order DISABLE ROW LEVEL SECURITY"], "must be owner"),
        (["TRUNCATE myapp_order CASCADE"], "permission denied"),
        (
            [
                "SET ROLE {}_everyone",
                "SET rls.is_admin = 'true'",
                "SELECT password FROM myapp_user",
            ],
            "permission denied",
        ),
    ],
)
def test_what_reached_every_order_is_refused_after_the_guide(moved_shop, injected, says):
    statements = [statement.format(moved_shop.name) for statement in injected]

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=says):
        moved_shop.rows(*statements, login="web")


def test_the_setting_of_django_rls_tenants_lets_no_row_through_any_more(moved_shop):
    asked = [
        f"SET ROLE {moved_shop.name}_everyone",
        "SET rls.is_admin = 'true'",
        "SET rls.current_tenant = '1'",
        "SELECT title FROM myapp_order",
    ]

    assert moved_shop.rows(*asked, login="web") == []


@pytest.mark.parametrize(
    ("injected", "says"),
    [
        (["SET rls.user_id = '2'", "SELECT text FROM projects_task"], "permission denied"),
        (["ALTER TABLE projects_task DISABLE ROW LEVEL SECURITY"], "must be owner"),
        (["TRUNCATE projects_task"], "permission denied"),
        (["SET ROLE {}_everyone", "SELECT password FROM auth_user"], "permission denied"),
    ],
)
def test_what_reached_the_tasks_of_others_is_refused_after_the_guide(moved_studio, injected, says):
    statements = [statement.format(moved_studio.name) for statement in injected]

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=says):
        moved_studio.rows(*statements, login="web")


def test_a_public_project_stays_its_owners_after_the_guide(moved_studio):
    bob = [f"SET ROLE {moved_studio.name}_everyone", "SET rls_perms.user_id = '2'"]
    taken = moved_studio.rows(*bob, TAKE_OVER, login="web")

    assert sorted(taken) == [("bob's public project",), ("bob's secret project",)]


def test_what_entered_a_context_by_keys_names_the_user_after_the_guide(moved_studio):
    moved_studio.succeed(f"python manage.py shell -v0 -c '{TASKS_OF_BOB}'")

    assert 'HAS ["bob\'s task"]' in moved_studio.printed


@pytest.mark.parametrize(
    ("peer", "app", "back"),
    [
        ("moved_shop", "myapp", "0003_books"),
        ("moved_studio", "projects", "0002_drop_policies_of_django_rls"),
    ],
)
def test_backwards_the_tables_are_closed_and_forwards_as_they_were(peer, app, back, request):
    peer = request.getfixturevalue(peer)
    rows = peer.ask()
    migrate = f"python manage.py migrate --database owner {app}"

    peer.succeed(f"{migrate} {back}")
    (policies,) = peer.rows("SELECT count(*) FROM pg_policies WHERE tablename ~ '_(order|task)$'")
    refused = {name: status for name, status in peer.ask().items() if name.startswith("alice")}
    peer.succeed(migrate)

    assert policies == (0,)
    assert set(map(str, refused.values())) <= {"403", "[]"}
    assert peer.ask() == rows
    assert peer.rows(FOREIGN_POLICIES) == []


def test_with_a_role_for_each_tenant_the_moved_shop_shows_the_same(moved_shop):
    moved_shop.succeed("""echo 'RLS_PERMS["TENANT_ROLES"] = True' >> project/settings.py""")
    moved_shop.succeed("python manage.py sync_pg_roles")

    shown = {name: rows for name, rows in moved_shop.ask().items() if name in SHOP}

    assert shown == SHOP
    assert moved_shop.ask("ask_reports.py") == REPORTS
