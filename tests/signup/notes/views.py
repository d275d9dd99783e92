"""What the user of a request sees."""

from django.db import connection
from django.http import JsonResponse

from notes.models import Note


def who(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        (role,) = cursor.fetchone()
    return JsonResponse({"role": role})


def notes(request):
    return JsonResponse({"texts": [one.text for one in Note.objects.all()]})
