"""Tables of every shape. They say their app, since it is installed for their tests alone."""

import uuid
from datetime import UTC, date, datetime, timedelta

from django.contrib.postgres import fields as postgres
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import Func
from django.db.models.functions import Now

from rls_perms import SELECT, CurrentUser, Policy, RowSecurity

TENANT = "office.Tenant"


def tenant():
    return models.ForeignKey(TENANT, models.CASCADE, related_name="+")


class RandomUUID(Func):
    """A key that the database makes up."""

    template = "gen_random_uuid()"
    output_field = models.UUIDField()


# Keys of several columns


class Cell(models.Model):
    pk = models.CompositePrimaryKey("tenant", "row", "column")
    tenant = tenant()
    row = models.CharField(max_length=10)
    column = models.IntegerField(db_column="Column")
    value = models.CharField(max_length=20, default="")

    class Meta:
        app_label = "shapes"
        constraints = [
            RowSecurity(
                tenant="tenant",
                policies=[
                    Policy("first", using=Q(tenant__name="acme")),
                    Policy("one", command=SELECT, using=Q(pk=(1, "a'%\\", 7))),
                ],
            )
        ]

    def __str__(self):
        return self.value


# Partitioned tables: made by hand, as Django makes none


class Entry(models.Model):
    """Partitioned by day, and one of its partitions by number."""

    pk = models.CompositePrimaryKey("number", "day")
    number = models.BigIntegerField()
    day = models.DateField()
    tenant = tenant()
    note = models.CharField(max_length=20, default="")
    size = models.GeneratedField(
        expression=F("number") * 2, output_field=models.BigIntegerField(), db_persist=True
    )

    class Meta:
        app_label = "shapes"
        managed = False
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return self.note


class Winter(models.Model):
    """A partition of Entry, as a model without a declaration."""

    pk = models.CompositePrimaryKey("number", "day")
    number = models.BigIntegerField()
    day = models.DateField()

    class Meta:
        app_label = "shapes"
        managed = False
        db_table = "shapes_entry_1"

    def __str__(self):
        return str(self.number)


ENTRY = """
CREATE TABLE shapes_entry (
    number bigint NOT NULL, day date NOT NULL,
    tenant_id bigint NOT NULL REFERENCES office_tenant, note varchar(20) NOT NULL DEFAULT '',
    size bigint GENERATED ALWAYS AS (number * 2) STORED,
    PRIMARY KEY (number, day)
) PARTITION BY RANGE (day);
CREATE TABLE shapes_entry_1 PARTITION OF shapes_entry
    FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE shapes_entry_2 PARTITION OF shapes_entry
    FOR VALUES FROM ('2026-07-01') TO ('2027-01-01') PARTITION BY HASH (number);
CREATE TABLE "shapes Entry 2'0" PARTITION OF shapes_entry_2
    FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE shapes_entry_21 PARTITION OF shapes_entry_2
    FOR VALUES WITH (MODULUS 2, REMAINDER 1);
"""


# Names


class Order(models.Model):
    """Reserved words, capitals, quotes and percents wherever a name can have them."""

    id = models.BigAutoField(primary_key=True, db_column="select")
    tenant = models.ForeignKey(
        TENANT, models.CASCADE, related_name="+", db_column='Te""nant', db_index=False
    )
    user = models.ForeignKey(
        "office.User", models.CASCADE, related_name="+", null=True, db_column="user"
    )
    Group = models.CharField(max_length=20, db_column="Gr oup")
    share = models.IntegerField(default=0, db_column="x")

    class Meta:
        app_label = "shapes"
        db_table = "order"
        constraints = [
            RowSecurity(
                tenant="tenant",
                name="the \"rows\"\nof 100% sealed 'orders'",
                policies=[
                    Policy('a "quoted"\n100%s name', using=Q(Group__startswith="50%_\\'")),
                    Policy("mine", using=Q(user=CurrentUser()), permission_required=False),
                    Policy(
                        "öffentliche Aufträge mit einem sehr langen Namen, Teil eins",
                        using=Q(share=1),
                    ),
                    Policy(
                        "öffentliche Aufträge mit einem sehr langen Namen, Teil zwei",
                        using=Q(share=2),
                    ),
                ],
            )
        ]

    def __str__(self):
        return self.Group


class AuditEntry(models.Model):
    """A schema of its own, by the name of the table."""

    tenant = tenant()
    order = models.ForeignKey(Order, models.CASCADE, related_name="+", null=True)
    note = models.CharField(max_length=20)

    class Meta:
        app_label = "shapes"
        db_table = 'Au dit"."en""try'
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return self.note


class Remark(models.Model):
    """Its policy reads a table of another schema."""

    entry = models.ForeignKey(AuditEntry, models.CASCADE, related_name="+")
    text = models.CharField(max_length=20)

    class Meta:
        app_label = "shapes"
        constraints = [RowSecurity(policies=[Policy("noted", using=Q(entry__note="yes"))])]

    def __str__(self):
        return self.text


LONG = "die_äußerst_langen_namen_der_tabellen_einer_großen_verwaltung_"


class LongOne(models.Model):
    tenant = tenant()
    note = models.CharField(max_length=20, db_column="spalte_" + LONG)

    class Meta:
        app_label = "shapes"
        db_table = LONG[:58] + "1"
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return self.note


class LongCut(models.Model):
    """PostgreSQL cuts the names of the table and of its key."""

    id = models.BigAutoField(primary_key=True, db_column="schlüssel_" + LONG)
    tenant = tenant()
    note = models.CharField(max_length=20)

    class Meta:
        app_label = "shapes"
        db_table = "zu_" + LONG + "geschnitten"
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return self.note


class LongTwo(models.Model):
    tenant = tenant()
    note = models.CharField(max_length=20)

    class Meta:
        app_label = "shapes"
        db_table = LONG[:58] + "2"
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return self.note


# Inheritance


class Asset(models.Model):
    tenant = tenant()
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "shapes"
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return self.name


class Vehicle(Asset):
    wheels = models.IntegerField(default=4)

    class Meta:
        app_label = "shapes"
        constraints = [
            RowSecurity(tenant="tenant", policies=[Policy("not secret", using=~Q(name="secret"))])
        ]


class Truck(Vehicle):
    class Meta:
        app_label = "shapes"
        constraints = [
            RowSecurity(
                tenant="tenant", policies=[Policy("heavy", using=Q(wheels__gt=4, name__gt="a"))]
            )
        ]


class Machine(Asset):
    """The same table by another name."""

    class Meta:
        app_label = "shapes"
        proxy = True


class Base(models.Model):
    tenant = tenant()
    note = models.CharField(max_length=20)

    class Meta:
        abstract = True
        app_label = "shapes"
        constraints = [RowSecurity(tenant="tenant")]


class One(Base):
    def __str__(self):
        return self.note


class Two(Base):
    class Meta(Base.Meta):
        abstract = False

    def __str__(self):
        return self.note


# What the database fills in


class Filled(models.Model):
    """A key and values by default of the database, and generated ones."""

    id = models.UUIDField(primary_key=True, db_default=RandomUUID())
    tenant = tenant()
    made = models.DateTimeField(db_default=Now())
    price = models.IntegerField(default=2)
    double = models.GeneratedField(
        expression=F("price") * 2, output_field=models.IntegerField(), db_persist=True
    )

    class Meta:
        app_label = "shapes"
        constraints = [
            RowSecurity(tenant="tenant", policies=[Policy("dear", using=Q(double__gt=2))])
        ]

    def __str__(self):
        return str(self.id)


class Numbered(models.Model):
    """A key that Python makes up, in a table of few columns."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    tenant = tenant()

    class Meta:
        app_label = "shapes"
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return str(self.id)


class Replaced(models.Model):
    """Another model stands for this one, so it has no table."""

    tenant = tenant()

    class Meta:
        app_label = "shapes"
        swappable = "SHAPES_REPLACED_MODEL"
        constraints = [RowSecurity(tenant="tenant")]

    def __str__(self):
        return "replaced"


# Every type of field


class Color(models.TextChoices):
    RED = "r'%", "red"
    BLUE = "b", "blue"


class Size(models.IntegerChoices):
    SMALL = 1
    LARGE = 2


class Everything(models.Model):
    """A column of each type that Django knows."""

    big = models.BigIntegerField(null=True)
    binary = models.BinaryField(null=True)
    boolean = models.BooleanField(null=True)
    char = models.CharField(max_length=60, null=True)  # noqa: DJ001 - NULL is a value to be tried
    color = models.CharField(max_length=3, null=True, choices=Color.choices)  # noqa: DJ001
    collated = models.CharField(max_length=20, null=True, db_collation="C")  # noqa: DJ001
    date = models.DateField(null=True)
    moment = models.DateTimeField(null=True)
    decimal = models.DecimalField(max_digits=20, decimal_places=5, null=True)
    duration = models.DurationField(null=True)
    email = models.EmailField(null=True)  # noqa: DJ001
    file = models.FileField(null=True)
    path = models.FilePathField(null=True)  # noqa: DJ001
    float = models.FloatField(null=True)
    generated = models.GeneratedField(
        expression=F("big") + 1, output_field=models.BigIntegerField(), db_persist=True
    )
    image = models.ImageField(max_length=200, null=True)
    integer = models.IntegerField(null=True)
    ip = models.GenericIPAddressField(null=True)
    json = models.JSONField(null=True)
    nine = models.PositiveBigIntegerField(null=True)
    positive = models.PositiveIntegerField(null=True)
    positive_small = models.PositiveSmallIntegerField(null=True)
    size = models.IntegerField(null=True, choices=Size.choices)
    slug = models.SlugField(null=True)  # noqa: DJ001
    small = models.SmallIntegerField(null=True)
    text = models.TextField(null=True)  # noqa: DJ001
    time = models.TimeField(null=True)
    url = models.URLField(null=True)  # noqa: DJ001
    uuid = models.UUIDField(null=True)
    one = models.OneToOneField(TENANT, models.CASCADE, related_name="+", null=True)
    foreign = models.ForeignKey(TENANT, models.CASCADE, related_name="+", null=True)
    array = postgres.ArrayField(models.IntegerField(null=True), null=True)
    words = postgres.ArrayField(models.TextField(null=True), null=True)
    nested = postgres.ArrayField(postgres.ArrayField(models.IntegerField()), null=True)
    hstore = postgres.HStoreField(null=True)
    integers = postgres.IntegerRangeField(null=True)
    bigs = postgres.BigIntegerRangeField(null=True)
    decimals = postgres.DecimalRangeField(null=True)
    moments = postgres.DateTimeRangeField(null=True)
    dates = postgres.DateRangeField(null=True)
    search = SearchVectorField(null=True)

    class Meta:
        app_label = "shapes"
        constraints = [
            RowSecurity(
                policies=[
                    Policy(
                        "rows",
                        command=SELECT,
                        # Values that PostgreSQL writes as the session's parameters say.
                        using=Q(moment__lt=datetime(1990, 1, 2, 3, tzinfo=UTC))
                        | Q(duration__lt=timedelta(days=-400, microseconds=1))
                        | Q(date__lt=date(1990, 1, 2))
                        | Q(binary=b"\x00\\\xff'")
                        | Q(float__lt=0.1 + 0.2)
                        | Q(text="back\\slash"),
                        permission_required=False,
                    )
                ]
            )
        ]

    def __str__(self):
        return str(self.pk)


NONE_YET = Policy("rows", command=SELECT, using=Q(pk=0), permission_required=False)


class Placed(models.Model):
    """A key of AutoField, and the number that rows of one tenant are ordered by."""

    id = models.AutoField(primary_key=True)
    tenant = tenant()

    class Meta:
        app_label = "shapes"
        order_with_respect_to = "tenant"
        constraints = [RowSecurity(policies=[NONE_YET])]

    def __str__(self):
        return str(self.pk)


class Few(models.Model):
    """A key of SmallAutoField."""

    id = models.SmallAutoField(primary_key=True)

    class Meta:
        app_label = "shapes"
        constraints = [RowSecurity(policies=[NONE_YET])]

    def __str__(self):
        return str(self.pk)
