"""Suites with serialized_rollback, which Django runs apart from those without."""

from django.contrib.auth.models import User
from django.test import TransactionTestCase


class Serialized(TransactionTestCase):
    serialized_rollback = True

    def test_what_migrations_made_is_there(self):
        self.assertTrue(User.objects.filter(username="AnonymousUser").exists())

    def test_what_migrations_made_is_there_again(self):
        self.assertTrue(User.objects.filter(username="AnonymousUser").exists())
