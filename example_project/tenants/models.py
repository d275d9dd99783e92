"""The firms that share the site, their users, and who works where."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from rls_perms import (
    ANONYMOUS,
    DELETE,
    EVERYONE,
    INSERT,
    SELECT,
    UPDATE,
    Group,
    Policy,
    RowSecurity,
)


class Tenant(models.Model):
    """A firm. Nobody sees the others, not even that they are there."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(unique=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            RowSecurity(
                tenant="id",
                policies=[
                    Policy(
                        "own",
                        command=SELECT,
                        to=[EVERYONE, ANONYMOUS],
                        using=Q(),
                        permission_required=False,
                    )
                ],
            )
        ]

    def __str__(self):
        return self.name


class User(AbstractUser):
    """Somebody who logs in, for one firm; without a firm only a superuser sees anything."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, blank=True)


class Employee(models.Model):
    """A firm's own list of its users: the user table itself has no rows of one firm."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE)
    title = models.CharField(max_length=80)
    phone = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            RowSecurity(
                tenant="tenant",
                policies=[
                    Policy("colleagues", command=SELECT, using=Q(), permission_required=False),
                    Policy(
                        "staff", command=[INSERT, UPDATE, DELETE], to=Group("Managers"), using=Q()
                    ),
                ],
            )
        ]

    def __str__(self):
        return f"{self.user.get_full_name()}, {self.title}"
