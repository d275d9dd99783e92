"""Views without a filter by tenant, user or permission."""

from django.db import connection
from django.http import JsonResponse

from tests.office.models import Document


def documents(request):
    return JsonResponse({"titles": sorted(Document.objects.values_list("title", flat=True))})


def who(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rls_perms.user_id(), rls_perms.tenant_id()")
        role, user, tenant = cursor.fetchone()
    return JsonResponse({"role": role, "user": user, "tenant": tenant})
