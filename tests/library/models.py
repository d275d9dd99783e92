"""A library: relations of every kind and depth, for conditions that go along them."""

# ruff: noqa: DJ008, DJ001 - these rows are looked at by key, and NULL has to be met

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from rls_perms import SELECT, Policy, RowSecurity


class City(models.Model):
    name = models.CharField(max_length=20)
    founded = models.DateField(null=True)


class Publisher(models.Model):
    """With a UUID for a key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=20, null=True)
    city = models.ForeignKey(City, models.CASCADE, null=True)
    rank = models.IntegerField(null=True)
    is_open = models.BooleanField(default=True)


class Label(models.Model):
    """With a text for a key."""

    slug = models.CharField(max_length=20, primary_key=True)
    weight = models.IntegerField(null=True)
    over = models.ForeignKey("self", models.CASCADE, null=True)


class Person(models.Model):
    name = models.CharField(max_length=20, null=True)
    born = models.DateField(null=True)
    home = models.ForeignKey(City, models.CASCADE)
    account = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True)
    friends = models.ManyToManyField("self")


class Book(models.Model):
    """The protected one; its policy is made by tests."""

    title = models.CharField(max_length=20)
    subtitle = models.CharField(max_length=20, null=True)
    pages = models.IntegerField(null=True)
    price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    printed = models.DateField(null=True)
    data = models.JSONField(null=True)
    is_lent = models.BooleanField(default=False)
    publisher = models.ForeignKey(Publisher, models.CASCADE, null=True)
    author = models.ForeignKey(Person, models.CASCADE, related_name="wrote")
    sequel_of = models.ForeignKey("self", models.CASCADE, null=True, related_name="sequels")
    labels = models.ManyToManyField(Label, related_name="books")

    class Meta:
        constraints = [
            RowSecurity(
                policies=[
                    Policy("nothing", command=SELECT, using=Q(pk=0), permission_required=False)
                ]
            )
        ]


class Cover(models.Model):
    """One for a book, or none."""

    book = models.OneToOneField(Book, models.CASCADE, related_name="cover")
    colour = models.CharField(max_length=10, null=True)
    painter = models.ForeignKey(Person, models.CASCADE, null=True)


class Loan(models.Model):
    """Many of a book, or none."""

    book = models.ForeignKey(Book, models.CASCADE, null=True, related_name="loans")
    reader = models.ForeignKey(Person, models.CASCADE, related_name="loans")
    days = models.IntegerField(null=True)
