"""The pages of customers and invoices."""

from django.urls import path

from billing import views

urlpatterns = [
    path("customers/", views.customers, name="customers"),
    path("customers/new/", views.edit_customer, name="new_customer"),
    path("customers/<int:pk>/", views.customer, name="customer"),
    path("customers/<int:pk>/edit/", views.edit_customer, name="edit_customer"),
    path("invoices/", views.invoices, name="invoices"),
    path("invoices/new/", views.new_invoice, name="new_invoice"),
    path("invoices/<int:pk>/", views.invoice, name="invoice"),
    path("invoices/<int:pk>/edit/", views.edit_invoice, name="edit_invoice"),
]
