"""What the agency serves."""

from django.urls import path

from cases import views

urlpatterns = [path("titles/", views.titles), path("public/", views.public)]
