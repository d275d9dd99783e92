"""Geometries and geographies, by the ORM and a raw cursor, show the rows of the user."""

import io

import pytest
from django.contrib.gis.db.models import Extent
from django.contrib.gis.db.models.functions import Distance
from django.contrib.gis.geos import Point, Polygon
from django.contrib.gis.measure import D
from django.core.management import call_command
from django.db import connections, models, transaction
from rls_perms import PermissionDenied, as_user

from conftest import BASEL, BERN, ROME
from places.models import Place

ALIASES = ["default", "pooled", "server_side"]
on_each_alias = pytest.mark.parametrize("alias", ALIASES)
WORLD = Polygon.from_bbox((-180, -90, 180, 90))


def names(rows):
    return sorted(one.name for one in rows)


@on_each_alias
def test_a_filter_by_place_shows_the_rows_of_the_user(people, alias):
    places = Place.objects.using(alias).filter(point__within=WORLD)
    seen = {}
    for name, user in people.items():
        with as_user(user), transaction.atomic(alias):
            seen[name] = names(places.all())

    assert seen == {"ann": ["Basel", "Bern", "Rome"], "ben": ["Ostia", "Rome"], "eve": []}


@on_each_alias
def test_points_come_back_as_they_were_stored(people, alias):
    with as_user(people["ann"]):
        stored = Place.objects.using(alias).get(name="Bern")

    assert (stored.point, stored.round) == (BERN, BERN)


@on_each_alias
def test_a_raw_cursor_shows_the_rows_of_the_user(people, alias):
    with as_user(people["ben"]), connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT name, ST_AsText(point) FROM places_place"
            " WHERE ST_DWithin(round, ST_MakePoint(%s, %s)::geography, 1000) ORDER BY name",
            [ROME.x, ROME.y],
        )
        assert cursor.fetchall() == [("Rome", "POINT(12.5 41.9)")]


@on_each_alias
def test_an_aggregate_and_a_distance_are_of_the_rows_of_the_user(people, alias):
    with as_user(people["ann"]):
        places = Place.objects.using(alias)
        extent = places.aggregate(extent=Extent("point"))["extent"]
        near = places.annotate(far=Distance("round", BERN)).filter(far__lt=D(km=100))
        found = names(near)

    assert extent == (BERN.x, ROME.y, ROME.x, BASEL.y)
    assert found == ["Basel", "Bern"]


@on_each_alias
def test_another_reference_system_needs_no_privilege_of_its_own(people, alias):
    with as_user(people["ben"]), connections[alias].cursor() as cursor:
        cursor.execute("SELECT ST_SRID(ST_Transform(point, 3857)) FROM places_place")
        assert cursor.fetchall() == [(3857,), (3857,)]


def test_an_owner_moves_what_is_theirs_and_nothing_else(people):
    with as_user(people["ann"]):
        rome = Place.objects.get(name="Rome")
        rome.point = BERN
        with pytest.raises(PermissionDenied):
            rome.save()
        bern = Place.objects.get(name="Bern")
        bern.point = Point(7.46, 46.96)
        with transaction.atomic():
            bern.save()
            moved = Place.objects.get(name="Bern").point
            transaction.set_rollback(True)

    assert moved.coords == (7.46, 46.96)
    assert Place.objects.using("owner").get(name="Rome").point == ROME


def test_without_a_context_the_table_is_closed(people):
    with pytest.raises(PermissionDenied, match="the login role, without a context"):
        Place.objects.count()


def test_a_column_of_another_type_keeps_its_policies(people):
    old = Place._meta.get_field("owner")
    new = models.ForeignKey(old.related_model, models.CASCADE, db_index=False)
    new.set_attributes_from_name("owner")
    new.model = Place
    with connections["owner"].schema_editor() as editor:
        editor.alter_field(Place, old, new)
        editor.alter_field(Place, new, old)

    call_command("sync_pg_roles", check=True, stdout=io.StringIO(), stderr=io.StringIO())
    with as_user(people["ben"]):
        assert names(Place.objects.all()) == ["Ostia", "Rome"]


def test_migrations_are_complete(people):
    """Django's own autodetector, with fields of GeoDjango, comes to rest."""
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_a_sync_has_nothing_left_to_do(people):
    call_command("sync_pg_roles", check=True, stdout=io.StringIO(), stderr=io.StringIO())
