"""Pages that ask some queries; without the library each query has its filter."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.shortcuts import render
from django.urls import include, path
from office.models import Document


def documents(request):
    """Those that the user may see; the library's own page asks for all."""
    if not settings.FILTERED:
        return Document.objects.all()
    return Document.objects.filter(tenant_id=request.user.tenant_id)


def checked(request):
    """The same where the view is to refuse whoever lacks the permission, as the database does."""
    if settings.FILTERED and not request.user.has_perm("office.view_document"):
        raise PermissionDenied
    return documents(request)


def answer(request, source, queries):
    """A page of the example application: its frame, and a list for each query."""
    found = {"documents": documents, "checked": checked}[source]
    lists = [found(request)[25 * number :][:25] for number in range(queries)]
    return render(request, "benchmarks/documents.html", {"lists": lists})


@login_required
def autocommit(request, source, queries):
    return answer(request, source, queries)


@login_required
@transaction.atomic
def atomic(request, source, queries):
    return answer(request, source, queries)


urlpatterns = [
    path("autocommit/<source>/<int:queries>/", autocommit),
    path("atomic/<source>/<int:queries>/", atomic),
    path("", include("firm.urls")),
]
