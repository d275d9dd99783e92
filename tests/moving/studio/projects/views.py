from django.db import connection
from django.http import JsonResponse

from projects.models import Comment, Document, Notice, Project, Task


def everything(request):
    """No filter: the database knows whose rows these are."""
    models = (Project, Document, Comment, Task, Notice)
    return JsonResponse({model.__name__: sorted(map(str, model.objects.all())) for model in models})


def by_sql(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM projects_project ORDER BY name")
        return JsonResponse([name for (name,) in cursor.fetchall()], safe=False)
