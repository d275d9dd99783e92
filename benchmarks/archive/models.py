"""A large archive, of which most people may see some records only."""

from django.db import models

from rls_perms import ObjectPermissions, RowSecurity


class Record(models.Model):
    title = models.CharField(max_length=40, db_index=True)
    state = models.CharField(max_length=10)
    created = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["state", "created"])]
        constraints = [RowSecurity(policies=[ObjectPermissions(many_grants=True)])]

    def __str__(self):
        return self.title


class Comment(models.Model):
    """Open: what is compared is the row security of the records that it is joined to."""

    record = models.ForeignKey(Record, models.CASCADE)
    batch = models.IntegerField(db_index=True)

    def __str__(self):
        return f"comment {self.pk}"
