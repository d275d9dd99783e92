"""What the adopter's new tests say: as_user is enforced, whenever groups were made."""

import threading
from io import StringIO

from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from guardian.shortcuts import assign_perm
from rls_perms import as_role, as_system, as_user
from rls_perms.testing import without_owner

from notes.factories import BillFactory, GroupFactory, NoteFactory, UserFactory
from notes.models import Bill, Note


def permission(codename):
    return Permission.objects.get(codename=codename, content_type__app_label="notes")


def current_user():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        return cursor.fetchone()[0]


class MadeForTheClass(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.clerks = GroupFactory(name="Clerks")
        cls.clerks.permissions.set([permission("view_bill"), permission("view_note")])
        cls.clerk = UserFactory(username="clerk")
        cls.clerk.groups.add(cls.clerks)
        cls.other = UserFactory(username="other")
        cls.bill = BillFactory(amount=1)
        cls.note = NoteFactory(text="others'")

    def test_rows(self):
        with as_user(self.clerk):
            self.assertEqual(Bill.objects.get(), self.bill)
            self.assertEqual(Note.objects.get(), self.note)
        with as_user(self.other):
            self.assertFalse(Note.objects.exists())

    def test_denial(self):
        with self.assertRaises(PermissionDenied), transaction.atomic(), as_user(self.other):
            Bill.objects.count()
        with self.assertRaises(PermissionDenied), transaction.atomic(), as_user(self.clerk):
            Bill.objects.create(amount=2)

        self.assertEqual(Bill.objects.count(), 1)

    def test_a_permission_that_the_test_gives(self):
        with as_user(self.clerk):
            self.assertEqual(Bill.objects.count(), 1)
        self.clerks.permissions.add(permission("add_bill"))

        with as_user(self.clerk):
            Bill.objects.create(amount=2)
        self.assertEqual(Bill.objects.count(), 2)

    def test_a_permission_that_the_test_takes(self):
        with as_user(self.clerk):
            self.assertEqual(Bill.objects.count(), 1)
        self.clerks.permissions.remove(permission("view_bill"))

        with self.assertRaises(PermissionDenied), transaction.atomic(), as_user(self.clerk):
            Bill.objects.count()

    def test_a_permission_of_a_savepoint_that_is_undone(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            self.clerks.permissions.add(permission("add_bill"))
            with as_user(self.clerk):
                Bill.objects.create(amount=2)
            raise ZeroDivisionError

        with self.assertRaises(PermissionDenied), transaction.atomic(), as_user(self.clerk):
            Bill.objects.create(amount=3)

    def test_a_permission_that_is_taken_in_a_savepoint_that_is_undone(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            self.clerks.permissions.clear()
            with self.assertRaises(PermissionDenied), transaction.atomic(), as_user(self.clerk):
                Bill.objects.count()
            raise ZeroDivisionError

        with as_user(self.clerk):
            self.assertEqual(Bill.objects.count(), 1)

    def test_a_group_that_the_test_makes(self):
        group = GroupFactory()
        group.permissions.add(permission("view_bill"))
        self.other.groups.add(group)

        with as_user(self.other):
            self.assertEqual(Bill.objects.count(), 1)

    def test_a_group_that_raw_sql_makes(self):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO auth_group (name) VALUES ('raw') RETURNING id")
            (group,) = cursor.fetchone()
            cursor.execute(
                "INSERT INTO auth_group_permissions (group_id, permission_id) VALUES (%s, %s)",
                [group, permission("view_bill").pk],
            )
        self.other.groups.add(group)

        with as_user(self.other):
            self.assertEqual(Bill.objects.count(), 1)

    def test_a_permission_of_the_user(self):
        self.other.user_permissions.add(permission("view_bill"))

        with as_user(self.other):
            self.assertEqual(Bill.objects.count(), 1)

    def test_a_user_who_becomes_active(self):
        self.other.is_active = False
        self.other.save()
        self.other.user_permissions.add(permission("view_bill"))
        with self.assertRaises(PermissionDenied), transaction.atomic(), as_user(self.other):
            Bill.objects.count()
        self.other.is_active = True
        self.other.save()

        with as_user(self.other):
            self.assertEqual(Bill.objects.count(), 1)

    def test_two_groups(self):
        self.other.groups.add(self.clerks, GroupFactory())

        with as_user(self.other):
            self.assertEqual(Bill.objects.count(), 1)

    def test_a_grant_of_an_object(self):
        assign_perm("notes.view_note", self.other, self.note)

        with as_user(self.other):
            self.assertEqual(Note.objects.get(), self.note)

    def test_leaving_restores_the_owner(self):
        owner = current_user()

        with as_user(self.clerk):
            clerk = current_user()

        self.assertTrue(owner.endswith("_owner"))
        self.assertTrue(clerk.endswith("_clerk"))
        self.assertEqual(current_user(), owner)

    def test_the_system_and_roles_by_name(self):
        with as_system(reason="a test"):
            self.assertEqual(Bill.objects.count(), 1)
        with as_role("clerk"):
            self.assertEqual(Bill.objects.count(), 1)

    def test_roles_are_of_this_database(self):
        with as_user(self.clerk), connection.cursor() as cursor:
            cursor.execute("SELECT shobj_description(current_user::regrole, 'pg_authid')")
            (mark,) = cursor.fetchone()

        self.assertIn(f'"database": "{connection.settings_dict["NAME"]}"', mark)

    def test_the_command_syncs_the_test_database(self):
        report = StringIO()
        self.clerks.permissions.remove(permission("view_bill"))

        call_command("sync_pg_roles", stdout=report)
        self.assertIn("revoke SELECT on table public.notes_bill", report.getvalue())
        call_command("sync_pg_roles", "--check", stdout=report)

    def test_the_bare_login(self):
        with self.assertRaises(PermissionDenied), transaction.atomic(), without_owner():
            Bill.objects.count()

        self.assertEqual(Bill.objects.count(), 1)

    @without_owner()
    def test_the_bare_login_by_a_decorator(self):
        with self.assertRaises(PermissionDenied), transaction.atomic():
            Bill.objects.count()
        with as_user(self.clerk):
            self.assertEqual(Bill.objects.count(), 1)

    def test_numbers_of_queries(self):
        self.clerks.permissions.add(permission("add_bill"))

        with self.assertNumQueries(1), as_user(self.clerk):
            list(Bill.objects.all())
        with self.assertNumQueries(2), as_user(self.clerk), transaction.atomic():
            pass

    def test_callbacks(self):
        called = []

        with self.captureOnCommitCallbacks(execute=True), as_user(self.clerk):
            transaction.on_commit(lambda: called.append(Bill.objects.count()))

        self.assertEqual(called, [1])

    def test_wrappers_see_nothing_of_it(self):
        self.clerks.permissions.add(permission("add_bill"))
        seen = []

        def look(execute, sql, params, many, context):
            seen.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(look), as_user(self.clerk):
            Bill.objects.count()
        self.assertEqual(len(seen), 1)


class Requests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.clerk = UserFactory(username="clerk")
        cls.clerk.groups.add(GroupFactory(name="Clerks"))
        BillFactory()

    def test_the_view_is_the_session_role_and_the_framework_the_login(self):
        self.client.force_login(self.clerk)

        answer = self.client.get("/who/").json()
        self.assertTrue(answer["role"].endswith("_clerk"))
        self.assertTrue(answer["framework"][0].endswith("_login"))
        self.assertTrue(current_user().endswith("_owner"))

    def test_a_visitor(self):
        self.assertTrue(self.client.get("/who/").json()["role"].endswith("_anonymous"))

    def test_denial_is_403(self):
        self.client.force_login(self.clerk)

        self.assertEqual(self.client.get("/bills/").status_code, 403)

    def test_a_group_between_two_requests(self):
        self.client.force_login(self.clerk)
        self.client.get("/who/")
        Group.objects.get(name="Clerks").permissions.add(permission("view_bill"))

        self.assertEqual(self.client.get("/bills/").json(), {"bills": [10]})

    def test_a_view_that_logs_in(self):
        self.client.get("/login/?name=clerk")

        self.assertTrue(self.client.get("/who/").json()["role"].endswith("_clerk"))

    def test_numbers_of_queries(self):
        self.client.force_login(self.clerk)

        # The session, the user, and what the view asks.
        with self.assertNumQueries(4):
            self.client.get("/who/")


class Committed(TransactionTestCase):
    def setUp(self):
        self.clerks = GroupFactory(name="Clerks")
        self.clerks.permissions.add(permission("view_bill"))
        self.clerk = UserFactory()
        self.clerk.groups.add(self.clerks)
        BillFactory()

    def test_rows(self):
        with as_user(self.clerk):
            self.assertEqual(Bill.objects.count(), 1)

    def test_denial(self):
        with as_user(self.clerk), self.assertRaises(PermissionDenied):
            Bill.objects.create(amount=3)
        with as_user(User.objects.get(username="AnonymousUser")):
            self.assertRaises(PermissionDenied, Bill.objects.count)

    def test_another_connection_sees_what_was_committed(self):
        found = []

        def look():
            with as_user(self.clerk):
                found.append(Bill.objects.count())
            connection.close()

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

        self.assertEqual(found, [1])


class AfterTheOthers(TestCase):
    """Nothing is left of the groups of other tests."""

    def test_the_clerks_are_gone(self):
        user = UserFactory()
        user.groups.add(GroupFactory(name="Clerks"))

        with self.assertRaises(PermissionDenied), transaction.atomic(), as_user(user):
            Bill.objects.count()
