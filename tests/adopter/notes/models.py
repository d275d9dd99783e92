"""Notes that people write on topics."""

from django.conf import settings
from django.db import models
from rls_perms import SELECT, UPDATE, CurrentUser, ObjectPermissions, Policy, RowSecurity


class Topic(models.Model):
    """Open: no declaration."""

    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Note(models.Model):
    topic = models.ForeignKey(Topic, models.CASCADE)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    text = models.CharField(max_length=50)

    class Meta:
        constraints = [
            RowSecurity(
                policies=[
                    ObjectPermissions(),
                    Policy(
                        "own",
                        command=[SELECT, UPDATE],
                        using=models.Q(author=CurrentUser()),
                        permission_required=False,
                    ),
                ]
            )
        ]

    def __str__(self):
        return self.text


class Bill(models.Model):
    """Protected by the permission alone: without it, permission denied."""

    amount = models.IntegerField()

    class Meta:
        constraints = [RowSecurity()]

    def __str__(self):
        return str(self.amount)
