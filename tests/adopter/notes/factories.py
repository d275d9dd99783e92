"""Factories of the adopter, written before the library came."""

import factory
from django.contrib.auth.models import Group, User

from notes.models import Bill, Note, Topic


class UserFactory(factory.django.DjangoModelFactory):
    username = factory.Sequence("user{}".format)
    password = factory.django.Password("secret")

    class Meta:
        model = User


class GroupFactory(factory.django.DjangoModelFactory):
    name = factory.Sequence("group{}".format)

    class Meta:
        model = Group


class TopicFactory(factory.django.DjangoModelFactory):
    name = "work"

    class Meta:
        model = Topic


class NoteFactory(factory.django.DjangoModelFactory):
    topic = factory.SubFactory(TopicFactory)
    author = factory.SubFactory(UserFactory)
    text = factory.Sequence("note{}".format)

    class Meta:
        model = Note


class BillFactory(factory.django.DjangoModelFactory):
    amount = 10

    class Meta:
        model = Bill
