from django.urls import path

from projects import views

urlpatterns = [path("", views.everything), path("by-sql/", views.by_sql)]
