"""Views without a filter by user or permission."""

from django.contrib import auth
from django.db import connection
from django.http import HttpResponse, JsonResponse

from notes.models import Bill, Note


def notes(request):
    return JsonResponse({"notes": sorted(Note.objects.values_list("text", flat=True))})


def bills(request):
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    return JsonResponse({"bills": sorted(Bill.objects.values_list("amount", flat=True))})


def login(request):
    user = auth.authenticate(request, username=request.GET["name"], password="secret")
    auth.login(request, user)
    return HttpResponse(status=204)


def who(request):
    """Who a raw statement is, and who the framework's own statements are."""
    seen = []

    def look(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        seen.append((sql, role_of(context["connection"])))
        return result

    with connection.execute_wrapper(look):
        list(request.user.groups.all())
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        role = cursor.fetchone()[0]
    return JsonResponse({"role": role, "framework": [who for _, who in seen]})


def role_of(connection):
    """The role that is applied, asked beside the backend."""
    result = connection.connection.pgconn.exec_(b"SELECT current_user")
    return result.get_value(0, 0).decode()
