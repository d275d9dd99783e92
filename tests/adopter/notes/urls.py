"""Addresses of the firm."""

from django.urls import path

from notes import views

urlpatterns = [
    path("notes/", views.notes),
    path("bills/", views.bills),
    path("login/", views.login),
    path("who/", views.who),
]
