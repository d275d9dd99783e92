"""Keys of every type, grants in tables of every kind, parents, children and proxies."""

import uuid

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from guardian.models import (
    GroupObjectPermissionAbstract,
    GroupObjectPermissionBase,
    UserObjectPermissionAbstract,
    UserObjectPermissionBase,
)

from rls_perms import ObjectPermissions, RowSecurity

EVERYTHING = ["view", "change", "delete"]


class Firm(models.Model):
    code = models.CharField(max_length=10, primary_key=True)

    def __str__(self):
        return self.code


class Team(Group):
    """A group model of the project's own."""

    motto = models.CharField(max_length=20, blank=True)


class Person(AbstractUser):
    """With a UUID for a key, in a column and a table with names that need quotes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_column="Key")
    groups = models.ManyToManyField(Team, blank=True, related_name="people")
    firm = models.ForeignKey(Firm, models.CASCADE, null=True, blank=True)

    class Meta:
        db_table = "nasty Person"


class Row(models.Model):
    firm = models.ForeignKey(Firm, models.CASCADE)
    note = models.CharField(max_length=20, default="")

    class Meta:
        abstract = True

    def __str__(self):
        return f"{self._meta.model_name} {self.pk}"


class Small(Row):
    """A key of two bytes; generic grants."""

    id = models.SmallAutoField(primary_key=True)

    class Meta:
        constraints = [RowSecurity(tenant="firm", policies=[ObjectPermissions(many_grants=True)])]
        permissions = [("approve_small", "Can approve")]


class Nickname(Small):
    """A proxy: guardian knows only the concrete model."""

    class Meta:
        proxy = True


class Big(Row):
    """Keys at the ends of bigint; grants decide alone, and stay when the row goes."""

    id = models.BigIntegerField(primary_key=True, db_column="Big Key")

    class Meta:
        constraints = [
            RowSecurity(
                tenant="firm",
                policies=[ObjectPermissions(global_permissions=False, remove_grants=False)],
            )
        ]


class Token(Row):
    """A UUID; whoever makes one may do everything with it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        constraints = [
            RowSecurity(
                tenant="firm",
                policies=[
                    ObjectPermissions(
                        global_permissions=False, creator=EVERYTHING, many_grants=True
                    )
                ],
            )
        ]


class Line(models.Model):
    """Of a token, and of whoever wrote it."""

    token = models.ForeignKey(Token, models.CASCADE)
    text = models.CharField(max_length=20)

    class Meta:
        constraints = [
            RowSecurity(
                tenant="token__firm",
                policies=[ObjectPermissions(global_permissions=False, creator=EVERYTHING)],
            )
        ]

    def __str__(self):
        return self.text


class Word(models.Model):
    """A text that sorts as bytes do; without tenants."""

    word = models.CharField(max_length=40, primary_key=True, db_collation="C")
    note = models.CharField(max_length=20, default="")

    class Meta:
        db_table = "nasty Word"
        constraints = [
            RowSecurity(policies=[ObjectPermissions(creator=["view"], many_grants=True)])
        ]

    def __str__(self):
        return self.word


class OfPeople(Row):
    """Grants to people by foreign key, to teams in the generic table."""

    class Meta:
        constraints = [
            RowSecurity(
                tenant="firm", policies=[ObjectPermissions(creator=EVERYTHING, many_grants=True)]
            )
        ]


class OfPeopleGrant(UserObjectPermissionBase):
    content_object = models.ForeignKey(OfPeople, models.CASCADE, db_column="Object")


class OfTeams(Row):
    """Grants to teams by foreign key, to people in the generic table; a UUID for a key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        constraints = [
            RowSecurity(
                tenant="firm",
                policies=[ObjectPermissions(global_permissions=False, creator=["view"])],
            )
        ]


class OfTeamsGrant(GroupObjectPermissionBase):
    content_object = models.ForeignKey(OfTeams, models.CASCADE)


class Day(Row):
    """A date for a key, which only foreign keys can point to."""

    day = models.DateField(primary_key=True)

    class Meta:
        constraints = [RowSecurity(tenant="firm", policies=[ObjectPermissions(creator=EVERYTHING)])]


class DayPersonGrant(UserObjectPermissionBase):
    content_object = models.ForeignKey(Day, models.CASCADE)


class DayTeamGrant(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Day, models.CASCADE)


class Parent(Row):
    class Meta:
        constraints = [RowSecurity(tenant="firm", policies=[ObjectPermissions(creator=EVERYTHING)])]


class Child(Parent):
    toy = models.CharField(max_length=20, default="")

    class Meta:
        constraints = [
            RowSecurity(
                tenant="parent_ptr__firm",
                policies=[ObjectPermissions(creator=["view"], many_grants=True)],
            )
        ]


class Grandchild(Child):
    sweet = models.CharField(max_length=20, default="")

    class Meta:
        constraints = [
            RowSecurity(
                tenant="child_ptr__parent_ptr__firm",
                policies=[ObjectPermissions(global_permissions=False)],
            )
        ]


class ChildGrant(UserObjectPermissionBase):
    """For children alone, by foreign key: guardian does not take it for their parents."""

    content_object = models.ForeignKey(Child, models.CASCADE)


class PersonGrant(UserObjectPermissionAbstract):
    """In the place of guardian's table, with other columns."""

    user = models.ForeignKey(Person, models.CASCADE, db_column="Holder")
    reason = models.CharField(max_length=20, blank=True, db_default="")


class TeamGrant(GroupObjectPermissionAbstract):
    """In the place of guardian's table, and for the project's own groups."""

    group = models.ForeignKey(Team, models.CASCADE)
