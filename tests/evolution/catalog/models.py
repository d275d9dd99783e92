"""What the declarations of another app read; open to everybody."""

from django.conf import settings
from django.db import models


class Region(models.Model):
    name = models.CharField(max_length=20)


class Project(models.Model):
    tenant = models.ForeignKey("people.Tenant", models.CASCADE)
    lead = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    level = models.IntegerField()
    grade = models.IntegerField(default=1)
