"""What a kept database has to show after settings and permissions were changed."""

from django.contrib.auth.models import Permission
from django.db import connection
from django.test import TestCase
from rls_perms import as_user

from notes.factories import BillFactory, GroupFactory, UserFactory
from notes.models import Bill


class Role(TestCase):
    codenames = ("view_bill",)

    @classmethod
    def setUpTestData(cls):
        BillFactory()
        clerks = GroupFactory(name="Clerks")
        clerks.permissions.add(*(Permission.objects.get(codename=one) for one in cls.codenames))
        cls.clerk = UserFactory()
        cls.clerk.groups.add(clerks)

    def test_the_clerk_is_a_writer_now(self):
        with as_user(self.clerk), connection.cursor() as cursor:
            self.assertEqual(Bill.objects.count(), 1)
            cursor.execute("SELECT current_user::text")
            self.assertTrue(cursor.fetchone()[0].endswith("_writer"))


class Audit(Role):
    codenames = ("view_bill", "audit_bill")
