"""Addresses of the office."""

from django.contrib import admin
from django.urls import path

from tests.office import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("documents/", views.documents),
    path("who/", views.who),
]
