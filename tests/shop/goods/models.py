"""Rows that everybody with the permission sees, and that nobody changes once they are closed."""

from django.db import models
from django.db.models import Q
from rls_perms import DELETE, UPDATE, Policy, RowSecurity


def open_only():
    """The permission, for what is not closed."""
    return RowSecurity(
        policies=[
            Policy("all", using=Q()),
            Policy(
                "open only",
                permissive=False,
                command=[UPDATE, DELETE],
                using=~Q(closed=True),
                check=Q(),
            ),
        ]
    )


class Order(models.Model):
    number = models.CharField(max_length=20, unique=True)
    state = models.CharField(max_length=20, default="new")
    closed = models.BooleanField(default=False)

    class Meta:
        constraints = [open_only()]

    def __str__(self):
        return self.number


class Bargain(Order):
    """The same table by another name, with permissions of its own."""

    class Meta:
        proxy = True


class Line(models.Model):
    """Goes with its order."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    text = models.CharField(max_length=20)
    closed = models.BooleanField(default=False)

    class Meta:
        constraints = [open_only()]

    def __str__(self):
        return self.text


class Remark(models.Model):
    """Stays when its order goes."""

    order = models.ForeignKey(Order, models.SET_NULL, null=True, blank=True)
    text = models.CharField(max_length=20)
    closed = models.BooleanField(default=False)

    class Meta:
        constraints = [open_only()]

    def __str__(self):
        return self.text


class Parcel(models.Model):
    """A parent with a table of its own."""

    weight = models.IntegerField(default=1)
    closed = models.BooleanField(default=False)

    class Meta:
        constraints = [open_only()]

    def __str__(self):
        return f"parcel {self.pk}"


class Express(Parcel):
    """Its child, which may be closed by itself."""

    hours = models.IntegerField(default=1)
    sealed = models.BooleanField(default=False)

    class Meta:
        constraints = [
            RowSecurity(
                policies=[
                    Policy("all", using=Q()),
                    Policy(
                        "unsealed only",
                        permissive=False,
                        command=[UPDATE, DELETE],
                        using=~Q(sealed=True),
                        check=Q(),
                    ),
                ]
            )
        ]


class Seat(models.Model):
    """A key of two columns, which RowSecurity does not take yet: conftest.py writes policies."""

    pk = models.CompositePrimaryKey("row", "number")
    row = models.CharField(max_length=2)
    number = models.IntegerField()
    label = models.CharField(max_length=20, default="new")
    closed = models.BooleanField(default=False)

    def __str__(self):
        return self.label
