"""The addresses of the site."""

from django.urls import include, path

urlpatterns = [
    path("", include("tenants.urls")),
    path("", include("office.urls")),
    path("", include("billing.urls")),
]
