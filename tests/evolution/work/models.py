"""What is protected."""

from django.db import models
from django.db.models import Q
from rls_perms import SELECT, CurrentUser, ObjectPermissions, Policy, RowSecurity


class Task(models.Model):
    tenant = models.ForeignKey("people.Tenant", models.CASCADE)
    project = models.ForeignKey("catalog.Project", models.CASCADE)
    title = models.CharField(max_length=50)
    status = models.CharField(max_length=20)
    amount = models.IntegerField()

    class Meta:
        constraints = [
            RowSecurity(
                tenant="tenant",
                policies=[
                    ObjectPermissions(global_permissions=False),
                    Policy("open", using=Q(status__in=["open", "new"])),
                    Policy(
                        "of lead",
                        command=SELECT,
                        using=Q(project__lead=CurrentUser()),
                        permission_required=False,
                    ),
                    Policy("small", permissive=False, using=Q(amount__lt=100)),
                    Policy("graded", permissive=False, using=Q(project__grade=1)),
                    Policy("low", permissive=False, using=Q(project__level__lt=5)),
                ],
            )
        ]


class Note(models.Model):
    task = models.ForeignKey(Task, models.CASCADE)
    title = models.CharField(max_length=50)

    class Meta:
        constraints = [RowSecurity(tenant="task__tenant")]


class Memo(models.Model):
    """Open: no declaration."""

    tenant = models.ForeignKey("people.Tenant", models.CASCADE)
    title = models.CharField(max_length=50)
