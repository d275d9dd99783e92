"""The proof that the library gives its users, on every protected model of the example."""

from django.test import TestCase
from rls_perms.testing import check_permissions_match

from proof import MODELS

#: Over all models; RLS_PERMS_EXAMPLES=100 makes twenty times as many.
AT_LEAST = 5000


class MadeUpFirms(TestCase):
    def test_the_database_allows_what_django_allows(self):
        answers = {}
        for model in MODELS:
            with self.subTest(model=model._meta.label):
                answers[model._meta.label] = check_permissions_match(model)

        for label, count in answers.items():
            print(f"{label}: {count} answers agree")
        self.assertGreater(sum(answers.values()), AT_LEAST)
