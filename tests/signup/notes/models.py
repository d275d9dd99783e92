"""Notes: each user's own."""

from django.conf import settings
from django.db import models
from rls_perms import OwnerPolicy, RowSecurity


class Note(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    text = models.CharField(max_length=80)

    class Meta:
        constraints = [RowSecurity(policies=[OwnerPolicy("owner", permission_required=False)])]

    def __str__(self):
        return self.text
