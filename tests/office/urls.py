"""Addresses of the office."""

from django.contrib import admin
from django.urls import path

from tests.office import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("documents/", views.documents),
    path("who/", views.who),
    path("still/", views.still),
    path("login/", views.log_in),
    path("logout/", views.log_out),
    path("remember/", views.remember),
    path("template/", views.template),
    path("late-template/", views.late_template),
    path("permissions/<int:key>/", views.permissions),
    path("share/<int:key>/", views.share),
    path("granted/", views.granted),
    path("owners/", views.owners),
    path("password/<int:key>/", views.password),
    path("raw/", views.raw),
    path("stream/", views.stream),
    path("stream-as/<int:key>/", views.stream_as),
    path("edit/<int:key>/", views.edit),
    path("write/", views.write),
    path("add/", views.add),
    path("async/documents/", views.async_documents),
    path("async/who/", views.async_who),
    path("async/login/", views.async_log_in),
    path("async/stream/", views.async_stream),
    path("async/stream-as/<int:key>/", views.async_stream_as),
]
