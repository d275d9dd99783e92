"""A depot: tables of unusual kinds, made by ``migrate --run-syncdb``."""

from django.db import models

from rls_perms import RowSecurity


class Serial(models.AutoField):
    """A key as Django made it before 4.1: with a sequence of its own."""

    def db_type(self, connection):
        return "serial"

    def rel_db_type(self, connection):
        return "integer"

    def db_type_suffix(self, connection):
        return None


class Item(models.Model):
    """Protected, with a many-to-many field."""

    id = Serial(primary_key=True)
    name = models.CharField(max_length=20)
    shelves = models.ManyToManyField("Shelf")

    class Meta:
        constraints = [RowSecurity()]

    def __str__(self):
        return self.name


class Shelf(models.Model):
    """Open."""

    id = Serial(primary_key=True)
    name = models.CharField(max_length=20)

    def __str__(self):
        return self.name


class Crate(Item):
    """A child of a protected model, without a declaration."""

    weight = models.IntegerField(default=0)


class Bargain(Item):
    """The same table by another name, with permissions of its own."""

    class Meta:
        proxy = True


class Paper(models.Model):
    """Protected, in a schema that PUBLIC may not look into."""

    name = models.CharField(max_length=20)

    class Meta:
        db_table = 'private"."paper'
        constraints = [RowSecurity()]

    def __str__(self):
        return self.name


class Poster(models.Model):
    """Open, in a schema that PUBLIC may not look into."""

    name = models.CharField(max_length=20)

    class Meta:
        db_table = 'private"."poster'

    def __str__(self):
        return self.name


class Legacy(models.Model):
    """A table of the owner's that Django did not make."""

    name = models.CharField(max_length=20)

    class Meta:
        managed = False

    def __str__(self):
        return self.name


class Foreign(models.Model):
    """A table of somebody else's."""

    name = models.CharField(max_length=20)

    class Meta:
        managed = False

    def __str__(self):
        return self.name


class Summary(models.Model):
    """A view."""

    name = models.CharField(max_length=20)

    class Meta:
        managed = False

    def __str__(self):
        return self.name


class Missing(models.Model):
    """A table that does not exist."""

    name = models.CharField(max_length=20)

    class Meta:
        managed = False

    def __str__(self):
        return self.name


class Swapped(models.Model):
    """Another model stands for this one."""

    name = models.CharField(max_length=20)

    class Meta:
        swappable = "DEPOT_SWAPPED_MODEL"

    def __str__(self):
        return self.name
