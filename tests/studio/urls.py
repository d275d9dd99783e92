"""Addresses of the studio."""

from django.urls import path

from rls_perms.switching import switch_tenant
from tests.studio import views
from tests.studio.admin import site

urlpatterns = [
    path("admin/", site.urls),
    path("clients/", views.clients),
    path("choices/", views.choices),
    path("switch/", switch_tenant),
]
