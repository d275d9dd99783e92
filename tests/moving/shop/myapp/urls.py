from django.urls import path

from myapp import views

urlpatterns = [
    path("orders/", views.orders),
    path("orders/by-sql/", views.by_sql),
    path("orders/filtered-sql/", views.filtered_sql),
    path("books/", views.books),
    path("customers/", views.customers),
    path("labels/", views.labels),
    path("notes/", views.notes),
    path("notes/shared/", views.shared_notes),
    path("labellings/", views.labellings),
]
