"""An app of somebody else's, which knows nothing of row security."""

from django.db import models


class Book(models.Model):
    tenant = models.ForeignKey("myapp.Tenant", models.CASCADE)
    title = models.CharField(max_length=50)

    def __str__(self):
        return self.title
