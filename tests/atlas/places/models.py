"""Places on a map, each of which its owner sees."""

from django.conf import settings
from django.contrib.gis.db import models
from rls_perms import ObjectPermissions, OwnerPolicy, RowSecurity


class Place(models.Model):
    name = models.CharField(max_length=50)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    point = models.PointField(null=True)
    round = models.PointField(geography=True, null=True)

    class Meta:
        constraints = [
            RowSecurity(
                policies=[ObjectPermissions(), OwnerPolicy("owner", permission_required=False)]
            )
        ]

    def __str__(self):
        return self.name
