"""The agency's database, migrated by its owner; its tests run with the login's credentials."""

import os

import django
import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")
django.setup()

from django.apps import apps  # noqa: E402 - after django.setup()
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.models import AnonymousUser, Permission  # noqa: E402
from django.contrib.auth.models import Group as DjangosGroup  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from rls_perms import as_user  # noqa: E402

User = get_user_model()
Group = User._meta.get_field("groups").related_model
NOBODY = AnonymousUser()


@pytest.fixture(scope="session")
def migrated():
    call_command("migrate", database="owner", verbosity=0)
    call_command("sync_pg_roles", verbosity=0)
    setup_test_environment()
    yield
    connections.close_all()


@pytest.fixture
def world(migrated):
    """Two clients, and nobody who works for them yet."""
    empty()
    yield World()
    connections.close_all()


def empty():
    """Leave no row of the agency's, nor a group."""
    models = [*apps.get_app_config("cases").get_models(include_auto_created=True)]
    models += [Group, DjangosGroup]
    tables = ", ".join(f'"{model._meta.db_table}"' for model in dict.fromkeys(models))
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")


class World:
    """What the owner makes for a test."""

    def __init__(self):
        client, case, bill = (self.model(name) for name in ("Client", "Case", "Bill"))
        self.acme = self.make(client(name="acme"))
        self.globex = self.make(client(name="globex"))
        self.cases, self.bills = {}, {}
        for one in (self.acme, self.globex):
            self.cases[one] = self.make(case(client=one, title=f"{one.name}'s"))
            self.bills[one] = self.make(bill(client=one))

    @staticmethod
    def model(name):
        return apps.get_model("cases", name)

    @staticmethod
    def make(instance):
        instance.save(using="owner", force_insert=True)
        instance._state.db = "default"
        return instance

    def user(self, name, *, groups=(), permissions=(), **fields):
        made = self.make(User(username=name, **fields))
        with self.owner(made):
            made.groups.add(*groups)
            made.user_permissions.add(*map(permission, permissions))
        return made

    def group(self, name, *permissions):
        made = self.make(Group(name=name))
        with self.owner(made):
            made.permissions.add(*map(permission, permissions))
        return made

    def member(self, user, client, *groups, **fields):
        made = self.make(self.model("Membership")(user=user, client=client, **fields))
        with self.owner(made):
            made.groups.add(*groups)
        return made

    def owner(self, instance):
        return _Owned(instance)


class _Owned:
    """The related managers of *instance* write as the owner meanwhile."""

    def __init__(self, instance):
        self.state = instance._state

    def __enter__(self):
        self.state.db = "owner"

    def __exit__(self, *error):
        self.state.db = "default"


def permission(name):
    app_label, _, codename = name.partition(".")
    return Permission.objects.using("owner").get(
        content_type__app_label=app_label, codename=codename
    )


def again(user):
    """*user* read anew, as each request does."""
    return User.objects.get(pk=user.pk)


def seen(user, client, table="cases_case"):
    """The keys that *user* sees of *table* with *client*, by a raw cursor; None if denied."""
    with as_user(user, tenant=client):
        return keys(table)


def keys(table="cases_case"):
    from rls_perms import PermissionDenied

    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id FROM {table}")
            return {key for (key,) in cursor.fetchall()}
    except PermissionDenied:
        return None
