"""The adopter's tests with pytest-django: its fixtures, and the library's marker."""

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.test import TestCase
from rls_perms import as_user

from notes.factories import BillFactory, GroupFactory, NoteFactory, UserFactory
from notes.models import Bill, Note


@pytest.fixture
def clerk(request):
    """A user with a group that each test makes anew."""
    request.getfixturevalue("transactional_db" if "committed" in request.node.name else "db")
    group = GroupFactory(name="Clerks")
    group.permissions.add(Permission.objects.get(codename="view_bill"))
    user = UserFactory(username="clerk")
    user.groups.add(group)
    BillFactory()
    return user


def test_fixtures_are_made_by_the_owner(clerk):
    NoteFactory()

    assert Note.objects.count() == 1


def test_as_user_is_enforced(clerk):
    with as_user(clerk):
        assert Bill.objects.count() == 1
    with pytest.raises(PermissionDenied), transaction.atomic(), as_user(clerk):
        Bill.objects.create(amount=1)
    assert Bill.objects.count() == 1


def test_numbers_of_queries(clerk, django_assert_num_queries):
    with django_assert_num_queries(1), as_user(clerk):
        assert Bill.objects.count() == 1


def test_a_request(clerk, client):
    client.force_login(clerk)

    assert client.get("/bills/").json() == {"bills": [10]}
    assert client.get("/who/").json()["role"].endswith("_clerk")


def test_committed(clerk):
    with as_user(clerk):
        assert Bill.objects.count() == 1
    with pytest.raises(PermissionDenied), as_user(clerk):
        Bill.objects.create(amount=1)


def test_committed_without_what_the_other_left(clerk):
    assert Bill.objects.count() == 1


@pytest.mark.rls_perms_login
def test_the_marker_takes_the_owner_away(clerk):
    with pytest.raises(PermissionDenied), transaction.atomic():
        Bill.objects.count()
    with as_user(clerk):
        assert Bill.objects.count() == 1


@pytest.mark.rls_perms_login
@pytest.mark.django_db(transaction=True)
def test_the_marker_leaves_what_comes_after_the_test_alone():
    with pytest.raises(PermissionDenied):
        Bill.objects.count()


@pytest.mark.rls_perms_login
class Unittests(TestCase):
    @classmethod
    def setUpTestData(cls):
        BillFactory()

    def setUp(self):
        self.bill = BillFactory()

    def tearDown(self):
        self.bill.delete()

    def test_the_marker_takes_the_owner_away(self):
        with pytest.raises(PermissionDenied), transaction.atomic():
            Bill.objects.count()


@pytest.mark.django_db
def test_without_the_marker_it_is_the_owner():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text")

        assert cursor.fetchone()[0].endswith("_owner")


def test_without_the_fixture_there_is_no_database():
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        Bill.objects.count()
