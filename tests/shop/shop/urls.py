"""The admin, and the API by view set and by generic view."""

from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import DefaultRouter

from goods import api

router = DefaultRouter()
router.register("orders", api.Orders)
urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include(router.urls)),
    path("api/order/<int:pk>/", api.Order.as_view()),
    path("api/who/", api.who),
    path("api/token/", api.new_token),
]
