"""
Customers and invoices.

No view filters by tenant, user or permission: PostgreSQL does, and says no by itself.
"""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render

from billing.forms import CustomerForm, InvoiceForm, LineForm
from billing.models import Customer, Invoice, InvoiceLine


@login_required
def customers(request):
    page = Paginator(Customer.objects.all(), 25).get_page(request.GET.get("page"))
    return render(request, "billing/customers.html", {"page": page})


@login_required
def customer(request, pk):
    shown = get_object_or_404(Customer, pk=pk)
    return render(
        request, "billing/customer.html", {"customer": shown, "invoices": shown.invoices.all()}
    )


@login_required
def edit_customer(request, pk=None):
    shown = get_object_or_404(Customer, pk=pk) if pk else Customer(tenant_id=request.user.tenant_id)
    form = CustomerForm(request.POST or None, instance=shown)
    if form.is_valid():
        return redirect(form.save())
    return render(request, "form.html", {"form": form, "title": "Customer"})


@login_required
def invoices(request):
    found = Invoice.objects.select_related("customer")
    page = Paginator(found, 25).get_page(request.GET.get("page"))
    return render(request, "billing/invoices.html", {"page": page})


@login_required
def invoice(request, pk):
    shown = get_object_or_404(Invoice.objects.select_related("customer", "made_by"), pk=pk)
    form = LineForm(request.POST or None, instance=InvoiceLine(invoice=shown))
    if form.is_valid():
        form.save()
        return redirect(shown)
    return render(
        request,
        "billing/invoice.html",
        {"invoice": shown, "lines": shown.lines.all(), "form": form},
    )


@login_required
def new_invoice(request):
    made = Invoice(made_by=request.user, tenant_id=request.user.tenant_id)
    form = InvoiceForm(request.POST or None, instance=made)
    if form.is_valid():
        return redirect(form.save())
    return render(request, "form.html", {"form": form, "title": "New invoice"})


@login_required
def edit_invoice(request, pk):
    shown = get_object_or_404(Invoice, pk=pk)
    form = InvoiceForm(request.POST or None, instance=shown)
    if form.is_valid():
        return redirect(form.save())
    return render(request, "form.html", {"form": form, "title": f"Invoice {shown}", "back": shown})
