"""The pages of documents and files."""

from django.urls import path

from office import views

urlpatterns = [
    path("documents/", views.documents, name="documents"),
    path("documents/new/", views.new, name="new_document"),
    path("documents/<int:pk>/", views.document, name="document"),
    path("documents/<int:pk>/edit/", views.edit, name="edit_document"),
    path("documents/<int:pk>/delete/", views.delete, name="delete_document"),
    path("documents/<int:pk>/share/", views.share, name="share_document"),
    path("documents/<int:pk>/attach/", views.attach, name="attach_file"),
    path("files/", views.files, name="files"),
    path("public/<slug:firm>/", views.public, name="public"),
]
