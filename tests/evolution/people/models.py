"""Who asks."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Tenant(models.Model):
    name = models.CharField(max_length=50)


class User(AbstractUser):
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True)
