"""The site's database, migrated by its owner; its tests run with the login's credentials."""

import os

import django
import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signup.settings")
django.setup()

from django.apps import apps  # noqa: E402 - after django.setup()
from django.contrib.auth.models import User  # noqa: E402
from django.core import mail  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

FRAMEWORK = ("account", "socialaccount", "usersessions", "sessions", "notes")


@pytest.fixture(scope="session")
def migrated():
    # Users first: tables of apps without migrations are made before all others.
    call_command("migrate", database="owner", verbosity=0)
    call_command("migrate", database="owner", run_syncdb=True, verbosity=0)
    setup_test_environment()
    yield
    connections.close_all()


@pytest.fixture
def site(migrated):
    """Nobody has signed up."""
    for label in FRAMEWORK:
        for model in reversed(list(apps.get_app_config(label).get_models(True))):
            model._base_manager.using("owner").all()._raw_delete("owner")
    # Guardian's anonymous user stays.
    User.objects.using("owner").exclude(username="AnonymousUser").delete()
    mail.outbox = []
    yield
    connections.close_all()


@pytest.fixture(params=[False, True], ids=["autocommit", "atomic"])
def atomic_requests(request, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", request.param)
    return request.param
