from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import CharField, Q
from django_rls.models import RLSModel
from django_rls.policies import RLS, CustomPolicy, ModelPolicy, TenantPolicy, UserPolicy


class Tenant(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Profile(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE)
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    region = models.CharField(max_length=20)

    def __str__(self):
        return str(self.user)


class Project(RLSModel):
    name = models.CharField(max_length=100)
    owner = models.ForeignKey(User, on_delete=models.CASCADE)
    is_public = models.BooleanField(default=False)

    class Meta:
        rls_policies = [
            # Pythonic Policy: Owner OR Public
            ModelPolicy("access_policy", filters=Q(owner=RLS.user_id()) | Q(is_public=True)),
        ]

    def __str__(self):
        return self.name


class Document(RLSModel):
    title = models.CharField(max_length=100)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    owner = models.ForeignKey("auth.User", on_delete=models.CASCADE)
    is_public = models.BooleanField(default=False)

    class Meta:
        rls_policies = [
            # Must belong to Tenant (Restrictive)
            TenantPolicy("tenant_isolation", tenant_field="tenant", permissive=False),
            # Must be (Owner OR Public) (Permissive)
            ModelPolicy("access", filters=Q(owner=RLS.user_id()) | Q(is_public=True)),
        ]

    def __str__(self):
        return self.title


class Comment(RLSModel):
    project = models.ForeignKey(Project, on_delete=models.CASCADE)
    text = models.CharField(max_length=100)

    class Meta:
        rls_policies = [
            ModelPolicy("project_policy", filters=Q(project__owner=RLS.user_id())),
        ]

    def __str__(self):
        return self.text


class Task(RLSModel):
    text = models.CharField(max_length=100)
    owner = models.ForeignKey(User, on_delete=models.CASCADE)

    class Meta:
        rls_policies = [UserPolicy("owner_policy", user_field="owner")]

    def __str__(self):
        return self.text


class Notice(RLSModel):
    text = models.CharField(max_length=100)
    region = models.CharField(max_length=20)
    status = models.CharField(max_length=20)

    class Meta:
        rls_policies = [
            ModelPolicy("region_policy", filters=Q(region=RLS.context("region", CharField()))),
            CustomPolicy("active_only", expression="status = 'active'", permissive=False),
        ]

    def __str__(self):
        return self.text
