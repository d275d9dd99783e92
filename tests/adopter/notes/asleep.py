"""Tests that never end: whoever runs them is killed."""

import time
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import TransactionTestCase
from rls_perms import as_user

from notes.factories import BillFactory, GroupFactory, UserFactory
from notes.models import Bill


class One(TransactionTestCase):
    def test_nothing(self):
        BillFactory()
        clerks = GroupFactory(name="Clerks")
        clerks.permissions.add(Permission.objects.get(codename="view_bill"))
        clerk = UserFactory()
        clerk.groups.add(clerks, GroupFactory())
        with as_user(clerk):
            self.assertEqual(Bill.objects.count(), 1)
        Path(settings.ASLEEP, type(self).__name__).touch()
        time.sleep(600)


class Two(One):
    pass
