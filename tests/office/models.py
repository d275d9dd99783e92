"""A firm's office: one model for each way of declaring row security."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from rls_perms import (
    ANONYMOUS,
    EVERYONE,
    SELECT,
    UPDATE,
    ColumnPermissions,
    CurrentUser,
    Group,
    ObjectPermissions,
    OwnerPolicy,
    Permission,
    Policy,
    RowSecurity,
)


class Tenant(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class User(AbstractUser):
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, blank=True)


class Ticket(models.Model):
    """The permission, within the tenant: a whole declaration."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    title = models.CharField(max_length=50)

    class Meta:
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return self.title


class Project(models.Model):
    """Rows chosen by columns, the action by the permission."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    name = models.CharField(max_length=50)
    owner = models.ForeignKey(User, models.CASCADE, null=True)

    class Meta:
        constraints = [RowSecurity(tenant="tenant", policies=[OwnerPolicy("owner")])]

    def __str__(self):
        return self.name


class Document(models.Model):
    """The declaration of the README."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    title = models.CharField(max_length=50)
    owner = models.ForeignKey(User, models.CASCADE, null=True, blank=True)
    is_public = models.BooleanField(default=False)
    closed = models.BooleanField(default=False)

    class Meta:
        constraints = [
            RowSecurity(
                tenant="tenant",
                policies=[
                    ObjectPermissions(),
                    Policy(
                        "own",
                        command=[SELECT, UPDATE],
                        using=Q(owner=CurrentUser()),
                        permission_required=False,
                    ),
                    Policy(
                        "public",
                        command=SELECT,
                        to=[EVERYONE, ANONYMOUS],
                        using=Q(is_public=True),
                        permission_required=False,
                    ),
                    Policy(
                        "open only",
                        permissive=False,
                        command=UPDATE,
                        using=Q(closed=False),
                        check=Q(),
                    ),
                ],
            )
        ]

    def __str__(self):
        return self.title


class Contract(models.Model):
    """Object permissions alone, with a UUID for a key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    title = models.CharField(max_length=50)

    class Meta:
        constraints = [
            RowSecurity(
                tenant="tenant",
                policies=[ObjectPermissions(global_permissions=False, many_grants=True)],
            )
        ]

    def __str__(self):
        return self.title


class Tag(models.Model):
    """Without tenants, with a text for a key."""

    slug = models.CharField(max_length=40, primary_key=True)
    note = models.CharField(max_length=50, blank=True)

    class Meta:
        constraints = [RowSecurity(policies=[ObjectPermissions()])]

    def __str__(self):
        return self.slug


class Case(models.Model):
    """For declarations that tests make up."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    owner = models.ForeignKey(User, models.CASCADE, null=True)
    room = models.ForeignKey("Room", models.CASCADE, null=True)
    flag = models.BooleanField(default=False)
    level = models.IntegerField(null=True)
    note = models.CharField(max_length=20, default="")

    class Meta:
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return f"case {self.pk}"


class Task(models.Model):
    """Conditions across a foreign key, and targets that are groups and permissions."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    project = models.ForeignKey(Project, models.CASCADE, null=True)
    state = models.CharField(max_length=10, default="open")
    note = models.CharField(max_length=20, default="")

    class Meta:
        permissions = [("audit_task", "Can audit tasks")]
        constraints = [
            RowSecurity(
                tenant="tenant",
                policies=[
                    Policy("of project", using=Q(project__owner=CurrentUser())),
                    Policy("loose", command=SELECT, using=~Q(project__name="secret")),
                    Policy("managed", to=Group("Managers"), using=Q(state="open")),
                    Policy(
                        "audited",
                        command=SELECT,
                        to=Permission("office.audit_task"),
                        using=Q(state="done"),
                        permission_required=False,
                    ),
                ],
            )
        ]

    def __str__(self):
        return f"{self.state} task"


class Room(models.Model):
    """Open: every session may use it, as in plain Django."""

    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Employee(models.Model):
    """Columns that only some may read, or change, of the rows that they see."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    name = models.CharField(max_length=50)
    account = models.ForeignKey(User, models.CASCADE, null=True, blank=True)
    salary = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    boss = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, db_column="Boss")
    status = models.CharField(max_length=10, default="new")
    secret = models.CharField(max_length=10, default="", blank=True)

    class Meta:
        permissions = [("audit_employee", "Can see salaries")]
        constraints = [
            RowSecurity(
                tenant="tenant",
                policies=[
                    ObjectPermissions(),
                    Policy(
                        "own",
                        command=[SELECT, UPDATE],
                        using=Q(account=CurrentUser()),
                        permission_required=False,
                    ),
                    Policy("not gone", permissive=False, command=SELECT, using=~Q(secret="gone")),
                    ColumnPermissions(
                        ["salary"],
                        view=[Group("Payroll"), Permission("office.audit_employee")],
                        change=[Group("HR")],
                    ),
                    ColumnPermissions(["boss"], view=[Group("HR")]),
                    ColumnPermissions(["status"], change=[Group("HR")]),
                    ColumnPermissions(["secret"], view=[], change=[]),
                ],
            )
        ]

    def __str__(self):
        return self.name


class Payslip(models.Model):
    """Refers to rows of which not everybody may read all columns."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    employee = models.ForeignKey(Employee, models.CASCADE)
    month = models.CharField(max_length=7)

    class Meta:
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return self.month
