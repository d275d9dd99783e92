"""Tenants, and users who belong to one."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Tenant(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class User(AbstractUser):
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, blank=True)
    date_of_birth = models.DateField(null=True, blank=True)
