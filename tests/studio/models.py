"""A studio: models of tenants by their base, with a Meta and policies of their own."""

from django.db import models
from django.db.models import Q

from rls_perms import EVERYONE, SELECT, OwnerPolicy, Policy, RowSecurity
from rls_perms.models import TenantModel
from tests.office.models import User


class Client(TenantModel):
    """Nothing but the base, and a Meta that inherits nothing."""

    name = models.CharField(max_length=50)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="studio_client_once_a_tenant")
        ]

    def __str__(self):
        return self.name


class Campaign(TenantModel):
    """Policies of its own, and keys that are there and that may be missing."""

    client = models.ForeignKey(Client, models.CASCADE, related_name="campaigns")
    payer = models.ForeignKey(Client, models.SET_NULL, null=True, blank=True, related_name="paid")
    owner = models.ForeignKey(User, models.SET_NULL, null=True, blank=True)
    name = models.CharField(max_length=50)
    day = models.DateField(null=True, blank=True)
    partners = models.ManyToManyField(Client, blank=True, related_name="partnered")

    class Meta:
        ordering = ["pk"]
        constraints = [
            RowSecurity(
                policies=[
                    Policy("all", using=Q()),
                    OwnerPolicy("owner", permission_required=False),
                ]
            )
        ]

    def __str__(self):
        return self.name


class Poster(TenantModel):
    """Some of its rows are shown to other tenants, too."""

    name = models.CharField(max_length=50)
    is_shared = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            RowSecurity(
                policies=[
                    Policy("all", using=Q()),
                    Policy(
                        "shared",
                        command=SELECT,
                        to=EVERYONE,
                        using=Q(is_shared=True),
                        shared=True,
                        permission_required=False,
                    ),
                ]
            )
        ]

    def __str__(self):
        return self.name
