"""Applications that use other libraries, before and after their guide is followed literally."""

import pytest
from django.conf import settings

from tests.moving.projects import Peer

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
SHOP = {
    "alice /orders/": ["Anvil", "Axle"],
    "alice /orders/by-sql/": ["Anvil", "Axle"],
    "alice /orders/filtered-sql/": ["Anvil", "Axle"],
    "alice /labels/": [[1, 1], [2, 1]],
    "bob /orders/": ["Bolts"],
    "bob /orders/by-sql/": ["Bolts"],
    "bob /orders/filtered-sql/": ["Bolts"],
    "bob /labels/": [[3, 2]],
    "root /orders/": ALL_ORDERS,
    "root /orders/by-sql/": ALL_ORDERS,
    "root /orders/filtered-sql/": ALL_ORDERS,
    "root /labels/": [[1, 1], [2, 1], [3, 2]],
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
PUBLIC = ["alice's public project", "bob's public project"]


# Before


def test_django_rls_tenants_shows_each_user_the_orders_of_their_tenant(shop):
    assert shop.ask() == SHOP | {
        "nobody /orders/": [],
        "nobody /orders/by-sql/": [],
        "nobody /orders/filtered-sql/": [],
        "nobody /labels/": [],
    }


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
    undo = "ALTER TABLE myapp_order ENABLE ROW LEVEL SECURITY"

    assert len(shop.rows("BEGIN", *injected, "SELECT title FROM myapp_order")) == 3
    assert shop.rows(undo, "SELECT title FROM myapp_order") == []


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
    assert ("bob's task",) in studio.rows("BEGIN", *injected, "SELECT text FROM projects_task")
