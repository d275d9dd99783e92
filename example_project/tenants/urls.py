"""Login, the start page, colleagues, and who one is to PostgreSQL."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from tenants import views

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("colleagues/", views.colleagues, name="colleagues"),
    path("who-am-i/", views.who_am_i, name="who_am_i"),
]
