"""Customers and invoices, made up."""

import datetime

import factory

from billing.models import Customer, Invoice, InvoiceLine
from tenants.factories import TenantFactory, UserFactory

GOODS = ("Binding", "Delivery", "Design, an hour", "Paper, 500 sheets", "Printing, colour")


class CustomerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Customer

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Faker("company")
    city = factory.Faker("city")
    email = factory.Faker("company_email")


class InvoiceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Invoice

    made_by = factory.SubFactory(UserFactory)
    tenant = factory.SelfAttribute("made_by.tenant")
    customer = factory.SubFactory(CustomerFactory, tenant=factory.SelfAttribute("..tenant"))
    number = factory.Sequence(lambda number: f"{number:05}")
    issued = factory.Faker(
        "date_between_dates",
        date_start=datetime.date(2025, 1, 1),
        date_end=datetime.date(2026, 6, 30),
    )


class InvoiceLineFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = InvoiceLine

    invoice = factory.SubFactory(InvoiceFactory)
    text = factory.Faker("random_element", elements=GOODS)
    quantity = factory.Faker("pyint", min_value=1, max_value=20)
    unit_price = factory.Faker("pydecimal", left_digits=3, right_digits=2, positive=True)
