"""The shop's database, migrated by its owner; its tests run with the login's credentials."""

import os

import django
import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from django.apps import apps  # noqa: E402 - after django.setup()
from django.conf import settings  # noqa: E402
from django.contrib.auth.models import Group, Permission, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from rls_perms.loud import make_loud  # noqa: E402

from goods import models  # noqa: E402

ACTIONS = ("view", "add", "change", "delete")


SEATS = """
ALTER TABLE goods_seat ENABLE ROW LEVEL SECURITY;
CREATE POLICY "all" ON goods_seat USING (true);
CREATE POLICY change ON goods_seat AS RESTRICTIVE FOR UPDATE USING (NOT closed) WITH CHECK (true);
CREATE POLICY delete ON goods_seat AS RESTRICTIVE FOR DELETE USING (NOT closed);
"""


@pytest.fixture(scope="session")
def migrated():
    call_command("migrate", database="owner", run_syncdb=True, verbosity=0)
    setup_test_environment()
    yield
    connections.close_all()


@pytest.fixture(scope="session")
def people(migrated):
    """A clerk with every permission on goods, and a visitor with those to view."""
    goods = Permission.objects.using("owner").filter(content_type__app_label="goods")
    made = {}
    for name, permissions in {
        "clerk": goods,
        "visitor": goods.filter(codename__startswith="view_"),
        "nobody": goods.none(),
    }.items():
        group = Group.objects.using("owner").create(name=f"{name}s")
        group.permissions.through.objects.using("owner").bulk_create(
            group.permissions.through(group=group, permission=one) for one in permissions
        )
        user = User(username=name, is_staff=True)
        user.set_password("secret")
        user.save(using="owner")
        user.groups.through.objects.using("owner").create(user=user, group=group)
        user._state.db = "default"
        made[name] = user
    call_command("sync_pg_roles", verbosity=0)
    # Not before: a table with row security and without a declaration is closed by a sync.
    with connections["owner"].cursor() as cursor:
        cursor.execute(SEATS)
    models.Seat._meta.constraints.append(models.open_only())
    make_loud(models.Seat)
    return made


@pytest.fixture
def shop(people):
    """No goods but what the test makes."""
    for model in reversed(list(apps.get_app_config("goods").get_models())):
        model._base_manager.using("owner").all()._raw_delete("owner")
    yield Shop(people)
    connections.close_all()


class Shop:
    def __init__(self, people):
        self.people = people

    def __getattr__(self, name):
        return self.people[name]

    def role(self, name):
        return f"{settings.NAME}_{name}"

    def make(self, model, **fields):
        """A row that the owner made."""
        row = model(**fields)
        row.save(using="owner")
        row._state.db = "default"
        return row

    def order(self, number="one", **fields):
        return self.make(models.Order, number=number, **fields)

    def stored(self, model, name):
        rows = model.objects.using("owner").order_by("pk")
        return list(rows.values_list(name, flat=True))


@pytest.fixture(params=[False, True], ids=["autocommit", "atomic"])
def atomic_requests(request, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", request.param)
    return request.param


@pytest.fixture
def drop_add(shop):
    """No new order passes, though its table is open to the clerk."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "CREATE POLICY never ON goods_order AS RESTRICTIVE FOR INSERT WITH CHECK (false)"
        )
        yield
        cursor.execute("DROP POLICY never ON goods_order")
