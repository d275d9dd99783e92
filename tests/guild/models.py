"""Users with a UUID, in groups with a UUID or in such that inherit from Django's."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group, Permission
from django.db import models

from rls_perms import Permission as Holders
from rls_perms import Policy, RowSecurity


class Guild(models.Model):
    """A group of its own kind."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_column="Key")
    name = models.CharField(max_length=50, unique=True, db_column="its name")
    permissions = models.ManyToManyField(Permission, db_table="the charters")

    class Meta:
        db_table = "Guilds"

    def __str__(self):
        return self.name


class Chapter(Group):
    """A group of Django's, with more."""

    motto = models.CharField(max_length=50, blank=True)


class Person(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50, unique=True)

    USERNAME_FIELD = "name"
    objects = BaseUserManager()

    class Meta:
        abstract = True


class Member(Person):
    groups = models.ManyToManyField(Guild, related_name="user_set")


class Brother(Person):
    groups = models.ManyToManyField(Chapter, related_name="user_set")
    user_permissions = models.ManyToManyField(Permission)


class Work(models.Model):
    name = models.CharField(max_length=50)

    class Meta:
        constraints = [
            RowSecurity(
                policies=[
                    Policy("all", using=models.Q()),
                    Policy("masters", to=Holders("guild.delete_work"), using=models.Q()),
                ]
            )
        ]

    def __str__(self):
        return self.name
