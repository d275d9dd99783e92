"""Customers, invoices and their lines."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Sum
from django.urls import reverse
from rls_perms import DELETE, INSERT, UPDATE, Group, OwnerPolicy, Policy, RowSecurity, SameTenant

from tenants.models import Tenant


class Customer(models.Model):
    """The permission, within the tenant: a whole declaration."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    name = models.CharField(max_length=120)
    city = models.CharField(max_length=80)
    email = models.EmailField(blank=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("customer", args=[self.pk])


class Invoice(models.Model):
    """Clerks have their own, managers and auditors all; what is paid is final."""

    class State(models.TextChoices):
        DRAFT = "draft"
        SENT = "sent"
        PAID = "paid"

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="invoices")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    number = models.CharField(max_length=20)
    issued = models.DateField()
    state = models.CharField(max_length=5, choices=State, default=State.DRAFT)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-issued", "-pk"]
        constraints = [
            # With the tenant: a number that another firm uses says nothing.
            models.UniqueConstraint(fields=["tenant", "number"], name="number_in_tenant"),
            SameTenant("customer"),
            RowSecurity(
                tenant="tenant",
                policies=[
                    OwnerPolicy("made_by"),
                    Policy("all", to=[Group("Managers"), Group("Auditors")], using=Q()),
                    Policy(
                        "paid is final",
                        permissive=False,
                        command=[UPDATE, DELETE],
                        using=~Q(state="paid"),
                        check=Q(),
                    ),
                ],
            ),
        ]

    def __str__(self):
        return self.number

    def get_absolute_url(self):
        return reverse("invoice", args=[self.pk])

    @property
    def total(self):
        amount = Sum(F("quantity") * F("unit_price"), output_field=models.DecimalField())
        return self.lines.aggregate(total=amount)["total"] or Decimal("0.00")


class InvoiceLine(models.Model):
    """Goes with its invoice, for those who hold the permission on lines."""

    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines")
    text = models.CharField(max_length=120)
    quantity = models.PositiveIntegerField(default=1)
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        ordering = ["pk"]
        constraints = [
            RowSecurity(
                tenant="invoice__tenant",
                policies=[
                    Policy("with invoice", using=Q(invoice__id__isnull=False)),
                    Policy(
                        "paid is final",
                        permissive=False,
                        command=[INSERT, UPDATE, DELETE],
                        using=~Q(invoice__state="paid"),
                    ),
                ],
            )
        ]

    def __str__(self):
        return self.text

    @property
    def amount(self):
        return self.quantity * self.unit_price
