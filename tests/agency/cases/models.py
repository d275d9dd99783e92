"""Clients of an agency, its people, who works for whom, and one model of each kind."""

import uuid

from django.conf import settings
from django.contrib.auth.models import (
    AbstractBaseUser,
    AbstractUser,
    BaseUserManager,
    Group,
    Permission,
    PermissionsMixin,
)
from django.db import models
from django.db.models import Q
from rls_perms import (
    ANONYMOUS,
    EVERYONE,
    SELECT,
    CurrentTenant,
    ObjectPermissions,
    OwnerPolicy,
    Policy,
    RowSecurity,
    targets,
)


class Client(models.Model):
    """A tenant, whose name everybody in it may read, visitors too."""

    name = models.CharField(max_length=50, unique=True)

    class Meta:
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
    """Somebody who works for several clients."""

    class Meta:
        swappable = "AUTH_USER_MODEL"


class Guild(Group):
    """A group of the project's own: its name is in the table of Django's."""

    motto = models.CharField(max_length=50, blank=True)


class Agent(AbstractBaseUser):
    """A user of the project's own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = models.CharField(max_length=50, unique=True)
    is_active = models.BooleanField(default=True)
    is_superuser = models.BooleanField(default=False)
    groups = models.ManyToManyField(Guild, related_name="user_set")
    user_permissions = models.ManyToManyField(Permission)

    USERNAME_FIELD = "username"
    objects = BaseUserManager()

    has_perm = PermissionsMixin.has_perm
    ahas_perm = PermissionsMixin.ahas_perm
    get_all_permissions = PermissionsMixin.get_all_permissions

    class Meta:
        swappable = "AUTH_USER_MODEL"

    def __str__(self):
        return self.username


class Membership(models.Model):
    """Which groups somebody has with one client."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    client = models.ForeignKey(Client, models.CASCADE, db_column="tenant")
    groups = models.ManyToManyField(settings.GROUP_MODEL, blank=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        unique_together = [("user", "client")]

    def __str__(self):
        return f"{self.user} with {self.client}"


class Case(models.Model):
    """All rows of the client for who holds the permission, and single rows by object grants."""

    client = models.ForeignKey(Client, models.CASCADE)
    title = models.CharField(max_length=50)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True)

    class Meta:
        constraints = [RowSecurity(tenant="client", policies=[ObjectPermissions()])]

    def __str__(self):
        return self.title


class Bill(models.Model):
    """The permission within the tenant: a whole declaration."""

    client = models.ForeignKey(Client, models.CASCADE)
    amount = models.IntegerField(default=0)

    class Meta:
        constraints = [RowSecurity(tenant="client")]

    def __str__(self):
        return str(self.amount)


class Plan(models.Model):
    """Rows by a group's name, by their owner, and by a condition that names the tenant."""

    client = models.ForeignKey(Client, models.CASCADE)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True)
    secret = models.BooleanField(default=False)

    class Meta:
        constraints = [
            RowSecurity(
                tenant="client",
                policies=[
                    OwnerPolicy("owner", permission_required=False),
                    Policy("leads", to=targets.Group("Leads"), using=Q(client=CurrentTenant())),
                    Policy("not secret", command=SELECT, using=Q(secret=False)),
                ],
            )
        ]

    def __str__(self):
        return str(self.pk)


class Statistic(models.Model):
    """Open to everybody, unless only some clients have it."""

    number = models.IntegerField()

    def __str__(self):
        return str(self.number)
