from django.contrib.auth.models import AbstractUser
from django.db import models
from django_rls_tenants import (
    RLSConstraint,
    RLSM2MConstraint,
    RLSManager,
    RLSProtectedModel,
    SharedWith,
    TenantField,
)


class Tenant(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class User(AbstractUser):
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, blank=True)

    @property
    def is_tenant_admin(self):
        return self.is_superuser

    @property
    def rls_tenant_id(self):
        return self.tenant_id


class Label(RLSProtectedModel):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Customer(RLSProtectedModel):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Order(RLSProtectedModel):
    title = models.CharField(max_length=255)
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True)
    labels = models.ManyToManyField(Label)
    # tenant FK + RLS policy added automatically

    class Meta(RLSProtectedModel.Meta):
        ordering = ["title"]

    def __str__(self):
        return self.title


class Note(models.Model):
    """A model without the base class, whose rows may be shared."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    text = models.CharField(max_length=50)
    labels = models.ManyToManyField(Label, through="Labelling")

    objects = RLSManager()

    class Meta:
        ordering = ["text"]
        constraints = [
            RLSConstraint(
                field="tenant",
                name="note_rls",
                tenant_pk_type="bigint",
                extra_predicates=[
                    SharedWith(through="myapp.NoteShare", fk="note", tenant_fk="shared_with")
                ],
            )
        ]

    def __str__(self):
        return self.text


class NoteShare(RLSProtectedModel):
    note = models.ForeignKey(Note, models.CASCADE)
    shared_with = models.ForeignKey(Tenant, models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            RLSConstraint(
                field="tenant",
                name="note_share_rls",
                tenant_pk_type="bigint",
                extra_predicates=[TenantField("shared_with")],
            )
        ]

    def __str__(self):
        return f"{self.note_id} with {self.shared_with_id}"


class Labelling(models.Model):
    note = models.ForeignKey(Note, models.CASCADE)
    label = models.ForeignKey(Label, models.CASCADE)

    class Meta:
        constraints = [
            RLSM2MConstraint(
                name="labelling_rls",
                from_model="myapp.Note",
                to_model="myapp.Label",
                from_fk="note_id",
                to_fk="label_id",
                tenant_pk_type="bigint",
            )
        ]

    def __str__(self):
        return f"{self.note_id} {self.label_id}"
