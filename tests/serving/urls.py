"""Addresses that a crowd asks."""

from django.urls import path

from tests.serving import views

urlpatterns = [
    path("up/", views.up),
    path("orm/", views.orm),
    path("raw/", views.raw),
    path("atomic/", views.atomic),
    path("chunks/", views.chunks),
    path("template/", views.late_template),
    path("stream/", views.stream),
    path("endless/", views.endless),
    path("slow/", views.slow),
    path("fails/", views.fails),
    path("denied/", views.denied),
    path("async/orm/", views.async_orm),
    path("async/stream/", views.async_stream),
    path("async/endless/", views.async_endless),
    path("async/slow/", views.async_slow),
    path("async/fails/", views.async_fails),
    path("session/", views.session),
]
