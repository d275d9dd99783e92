"""Documents, the files at them and what is said about them."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from rls_perms import (
    ANONYMOUS,
    DELETE,
    EVERYONE,
    INSERT,
    SELECT,
    UPDATE,
    CurrentUser,
    ObjectPermissions,
    OwnerPolicy,
    Policy,
    RowSecurity,
)

from tenants.models import Tenant

# A condition across a foreign key is read as the asking role: the row behind it has a key
# only for those who see that row.
WITH_DOCUMENT = Q(document__id__isnull=False)
WITH_FILE = Q(file__id__isnull=False)


class Document(models.Model):
    """Seen by permission, by grant, by its owner and, if public, by all; closed is closed."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    title = models.CharField(max_length=120)
    body = models.TextField(blank=True)
    is_public = models.BooleanField("public", default=False)
    closed = models.BooleanField(default=False)
    made_at = models.DateTimeField(auto_now_add=True)
    files = models.ManyToManyField("File", through="Attachment", related_name="documents")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            RowSecurity(
                tenant="tenant",
                policies=[
                    ObjectPermissions(),
                    OwnerPolicy("owner", command=[SELECT, UPDATE], permission_required=False),
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

    def get_absolute_url(self):
        return reverse("document", args=[self.pk])


class Comment(models.Model):
    """Seen with its document; written and edited by its author, deleted by moderators too."""

    document = models.ForeignKey(Document, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    text = models.CharField(max_length=500)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            RowSecurity(
                tenant="document__tenant",
                policies=[
                    Policy(
                        "with document",
                        command=SELECT,
                        to=[EVERYONE, ANONYMOUS],
                        using=WITH_DOCUMENT,
                        permission_required=False,
                    ),
                    Policy(
                        "own",
                        command=[INSERT, UPDATE, DELETE],
                        using=WITH_DOCUMENT & Q(author=CurrentUser()),
                        permission_required=False,
                    ),
                    Policy("moderated", command=DELETE, using=WITH_DOCUMENT),
                ],
            )
        ]

    def __str__(self):
        return self.text


class File(models.Model):
    """A file of the firm: for those with the permission and for who uploaded it."""

    tenant = models.ForeignKey(Tenant, models.CASCADE)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    name = models.CharField(max_length=120)
    size = models.PositiveIntegerField("bytes")

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            RowSecurity(
                tenant="tenant",
                policies=[
                    ObjectPermissions(),
                    OwnerPolicy("uploaded_by", permission_required=False),
                ],
            )
        ]

    def __str__(self):
        return self.name


class Attachment(models.Model):
    """
    The table of ``Document.files``, written out because it has rows to protect as well.

    Seen by who sees both ends; made and removed by the document's owner and by keepers.
    """

    document = models.ForeignKey(Document, models.CASCADE, related_name="attachments")
    file = models.ForeignKey(File, models.CASCADE, related_name="attachments")
    caption = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["document", "file"], name="once_a_document"),
            RowSecurity(
                tenant="document__tenant",
                policies=[
                    Policy(
                        "with both",
                        command=SELECT,
                        using=WITH_DOCUMENT & WITH_FILE,
                        permission_required=False,
                    ),
                    Policy(
                        "at own document",
                        command=[INSERT, DELETE],
                        using=WITH_FILE & Q(document__owner=CurrentUser()),
                        permission_required=False,
                    ),
                    Policy(
                        "kept",
                        command=[INSERT, UPDATE, DELETE],
                        using=WITH_DOCUMENT & WITH_FILE,
                    ),
                    Policy(
                        "open document only",
                        permissive=False,
                        command=[INSERT, UPDATE, DELETE],
                        using=~Q(document__closed=True),
                    ),
                ],
            ),
        ]

    def __str__(self):
        return self.caption or f"attachment {self.pk}"
