"""allauth's pages, and one of rows that are each user's own."""

from django.urls import include, path

from notes import views

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("notes/", views.notes),
    path("who/", views.who),
]
