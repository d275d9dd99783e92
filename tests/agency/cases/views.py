"""The titles of all cases that the request may see, in the tenant that a header names."""

from django.db import connection
from django.http import JsonResponse
from rls_perms import current_context
from rls_perms.memberships import default_tenant


def tenant_of(request):
    """The tenant that the visitor or user asks for, or the user's own."""
    return request.headers.get("X-Tenant") or default_tenant(request.user)


def titles(request):
    """Read by a raw cursor, so that no manager could be what filters."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT title FROM cases_case ORDER BY title")
        found = [title for (title,) in cursor.fetchall()]
    return JsonResponse({"titles": found, "tenant": current_context().tenant})


def public(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM cases_client")
        return JsonResponse({"names": sorted(name for (name,) in cursor.fetchall())})
