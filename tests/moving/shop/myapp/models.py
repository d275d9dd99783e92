from django.contrib.auth.models import AbstractUser
from django.db import models
from django_rls_tenants import RLSProtectedModel


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


class Order(RLSProtectedModel):
    title = models.CharField(max_length=255)
    labels = models.ManyToManyField(Label)
    # tenant FK + RLS policy added automatically

    class Meta(RLSProtectedModel.Meta):
        ordering = ["title"]

    def __str__(self):
        return self.title
