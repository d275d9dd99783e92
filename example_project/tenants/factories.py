"""Firms and people, made up."""

from functools import cache

import factory
from django.contrib.auth.hashers import make_password

from tenants.models import Employee, Tenant, User

#: Hashing is slow on purpose; once is enough for people who are made up.
hashed = cache(make_password)


class TenantFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Tenant
        django_get_or_create = ["slug"]

    name = factory.Faker("company")
    slug = factory.Sequence(lambda number: f"firm-{number}")


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    tenant = factory.SubFactory(TenantFactory)
    username = factory.Sequence(lambda number: f"user{number}")
    first_name = factory.Faker("first_name")
    last_name = factory.Faker("last_name")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = factory.LazyFunction(lambda: hashed("demo"))

    @factory.post_generation
    def groups(self, create, names):
        """``UserFactory(groups=["Clerks"])``, with the groups' permissions."""
        if create and names:
            from tenants.groups import make_groups

            made = make_groups(self._state.db)
            self.groups.set([made[name] for name in names])


class EmployeeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Employee

    user = factory.SubFactory(UserFactory)
    tenant = factory.SelfAttribute("user.tenant")
    title = factory.Faker("job")
    phone = factory.Faker("numerify", text="+49 30 ######")
