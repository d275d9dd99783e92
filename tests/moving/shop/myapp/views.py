from django.db import connection
from django.http import JsonResponse
from django_rls_tenants import safe_tenant_sql

from library.models import Book
from myapp.models import Labelling, Note, Order


def orders(request):
    """No filter: the database knows whose orders these are."""
    return JsonResponse([str(order) for order in Order.objects.all()], safe=False)


def by_sql(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT title FROM myapp_order ORDER BY title")
        return JsonResponse([title for (title,) in cursor.fetchall()], safe=False)


def filtered_sql(request):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT title FROM myapp_order WHERE {safe_tenant_sql()} ORDER BY title")
        return JsonResponse([title for (title,) in cursor.fetchall()], safe=False)


def labels(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT order_id, label_id FROM myapp_order_labels ORDER BY 1, 2")
        return JsonResponse([list(pair) for pair in cursor.fetchall()], safe=False)


def notes(request):
    return JsonResponse([str(note) for note in Note.objects.all()], safe=False)


def shared_notes(request):
    return JsonResponse([str(note) for note in Note.objects.including_shared()], safe=False)


def labellings(request):
    return JsonResponse([str(one) for one in Labelling.objects.order_by("note")], safe=False)


def customers(request):
    orders = Order.objects.select_related("customer")
    return JsonResponse([f"{order} for {order.customer}" for order in orders], safe=False)


def books(request):
    return JsonResponse([str(book) for book in Book.objects.order_by("title")], safe=False)
