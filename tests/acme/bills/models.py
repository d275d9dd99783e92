"""Bills, as docs/testing.md tests them."""

from django.db import models
from rls_perms import RowSecurity


class Bill(models.Model):
    amount = models.IntegerField()

    class Meta:
        constraints = [RowSecurity()]

    def __str__(self):
        return f"bill {self.pk}"
