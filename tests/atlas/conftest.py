"""The atlas's database, migrated by its owner; its tests run with the login's credentials."""

import os

import django
import psycopg
import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlas.settings")
django.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.gis.geos import Point  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from guardian.shortcuts import assign_perm  # noqa: E402

from places.models import Place  # noqa: E402

BERN, BASEL, ROME = Point(7.45, 46.95), Point(7.59, 47.56), Point(12.5, 41.9)


@pytest.fixture(scope="session")
def people():
    """Ann owns two places, and may see one of Ben's."""
    with psycopg.connect(dbname=settings.NAME, autocommit=True) as administrator:
        administrator.execute("CREATE EXTENSION postgis")
    call_command("migrate", database="owner", verbosity=0)
    made = {name: User(username=name) for name in ("ann", "ben", "eve")}
    for user in made.values():
        user.save(using="owner")
    for name, owner, point in (
        ("Bern", "ann", BERN),
        ("Basel", "ann", BASEL),
        ("Rome", "ben", ROME),
        ("Ostia", "ben", Point(12.29, 41.73)),
    ):
        Place(name=name, owner=made[owner], point=point, round=point).save(using="owner")
    for user in made.values():
        user._state.db = "default"
    assign_perm("places.view_place", made["ann"], Place.objects.using("owner").get(name="Rome"))
    yield made
    connections.close_all()
    connections["pooled"].close_pool()
