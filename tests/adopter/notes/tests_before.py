"""The suite that the adopter had before: it knows nothing of the library."""

import unittest
import urllib.request

from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection, transaction
from django.test import (
    Client,
    LiveServerTestCase,
    SimpleTestCase,
    TestCase,
    TransactionTestCase,
)

from notes.factories import BillFactory, GroupFactory, NoteFactory, TopicFactory, UserFactory
from notes.models import Bill, Note, Topic


class Simple(SimpleTestCase):
    def test_text(self):
        self.assertEqual(str(Topic(name="work")), "work")


class Factories(TestCase):
    fixtures = ["topics"]

    @classmethod
    def setUpTestData(cls):
        cls.boss = UserFactory(username="boss", is_superuser=True)
        cls.note = NoteFactory(text="first")
        cls.bills = [BillFactory(amount=amount) for amount in (1, 2)]

    def test_factories_and_fixtures(self):
        texts = Note.objects.values_list("text", flat=True)

        self.assertEqual(set(texts), {"of a fixture", "first"})
        self.assertEqual(Bill.objects.count(), 3)

    def test_writing(self):
        self.note.text = "second"
        self.note.save()
        Bill.objects.all().delete()
        Bill.objects.bulk_create([Bill(amount=5), Bill(amount=6)])

        self.assertEqual(Note.objects.get(pk=self.note.pk).text, "second")
        self.assertEqual(Bill.objects.count(), 2)

    def test_refresh_and_lock(self):
        self.note.refresh_from_db()

        self.assertEqual(Note.objects.select_for_update().get(pk=self.note.pk), self.note)

    def test_raw_cursor(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM notes_bill")
            self.assertEqual(cursor.fetchone(), (3,))

    def test_truncate(self):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("TRUNCATE notes_note, notes_topic RESTART IDENTITY CASCADE")

        self.assertEqual(TopicFactory().pk, 1)

    def test_ddl(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE made (id int); INSERT INTO made VALUES (1)")
            cursor.execute("SELECT id FROM made")
            self.assertEqual(cursor.fetchone(), (1,))

    def test_deferred_constraints_are_checked(self):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        NoteFactory()

        connection.check_constraints()

    def test_savepoints(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            TopicFactory()
            raise ZeroDivisionError

        self.assertEqual(Topic.objects.count(), 2)

    def test_client(self):
        self.client.force_login(self.boss)

        self.assertEqual(self.client.get("/notes/").json(), {"notes": ["first", "of a fixture"]})
        self.assertEqual(Note.objects.count(), 2)

    def test_a_client_that_logs_in(self):
        client = Client()

        self.assertTrue(client.login(username="boss", password="secret"))
        self.assertEqual(client.get("/bills/").json(), {"bills": [1, 2, 7]})

    def test_a_view_that_logs_in(self):
        self.assertEqual(self.client.get("/login/?name=boss").status_code, 204)
        self.assertEqual(self.client.session["_auth_user_id"], str(self.boss.pk))

    def test_permissions(self):
        group = GroupFactory()
        group.permissions.add(Permission.objects.get(codename="view_bill"))
        user = UserFactory()
        user.groups.add(group)

        self.assertTrue(user.has_perm("notes.view_bill"))


class Numbers(TestCase):
    """What is counted and called is what Django counts and calls."""

    @classmethod
    def setUpTestData(cls):
        cls.boss = UserFactory(username="boss", is_superuser=True)

    def test_queries(self):
        with self.assertNumQueries(3):
            topic = TopicFactory()
            topic.save()
            list(Note.objects.select_related("author"))

    def test_queries_with_savepoints(self):
        with self.assertNumQueries(3), transaction.atomic():
            Topic.objects.count()

    def test_queries_of_a_request(self):
        self.client.force_login(self.boss)

        with self.assertNumQueries(3):
            self.client.get("/bills/")

    def test_callbacks(self):
        called = []

        with self.captureOnCommitCallbacks(execute=True) as callbacks:
            transaction.on_commit(lambda: called.append(Topic.objects.count()))

        self.assertEqual((called, len(callbacks)), ([0], 1))

    def test_callbacks_of_a_savepoint_that_is_undone(self):
        with (
            self.captureOnCommitCallbacks() as callbacks,
            self.assertRaises(ZeroDivisionError),
            transaction.atomic(),
        ):
            transaction.on_commit(lambda: None)
            raise ZeroDivisionError

        self.assertEqual(callbacks, [])


class Committed(TransactionTestCase):
    fixtures = ["topics"]

    def test_commit(self):
        called = []

        with transaction.atomic():
            NoteFactory(text="committed")
            transaction.on_commit(lambda: called.append(1))

        self.assertEqual(called, [1])
        self.assertEqual(Note.objects.count(), 2)

    def test_nothing_is_left_of_the_other_test(self):
        self.assertEqual(Note.objects.get().text, "of a fixture")

    def test_queries_in_autocommit(self):
        with self.assertNumQueries(2):
            Topic.objects.count()
            Topic.objects.update(name="new")

    def test_flush(self):
        call_command("flush", interactive=False, verbosity=0)

        self.assertFalse(User.objects.exclude(username="AnonymousUser").exists())
        self.assertTrue(Permission.objects.filter(codename="view_bill").exists())


class Sequences(TransactionTestCase):
    reset_sequences = True

    def test_keys_begin_anew(self):
        self.assertEqual(TopicFactory().pk, 1)

    def test_keys_begin_anew_again(self):
        self.assertEqual(TopicFactory().pk, 1)


class Live(LiveServerTestCase):
    def test_a_server_of_its_own(self):
        boss = UserFactory(username="boss", is_superuser=True)
        BillFactory(amount=3)
        client = Client()
        client.force_login(boss)
        request = urllib.request.Request(f"{self.live_server_url}/bills/")
        request.add_header("Cookie", f"sessionid={client.cookies['sessionid'].value}")

        with urllib.request.urlopen(request) as response:
            self.assertEqual(response.read(), b'{"bills": [3]}')


@unittest.skipUnless(Group._meta.db_table == "auth_group", "a marker of unittest")
class Skipped(TestCase):
    def test_groups(self):
        self.assertEqual(GroupFactory().pk is None, False)
