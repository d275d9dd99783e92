"""What may be entered about customers and invoices."""

from django import forms

from billing.models import Customer, Invoice, InvoiceLine


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = ["name", "city", "email"]


class InvoiceForm(forms.ModelForm):
    class Meta:
        model = Invoice
        fields = ["customer", "number", "issued", "state", "note"]


class LineForm(forms.ModelForm):
    class Meta:
        model = InvoiceLine
        fields = ["text", "quantity", "unit_price"]
