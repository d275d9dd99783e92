"""The rules of invoices, through the site, as its users meet them."""

from django.test import TestCase
from django.urls import reverse
from rls_perms import PermissionDenied, as_user

from billing.factories import CustomerFactory, InvoiceFactory, InvoiceLineFactory
from billing.models import Customer, Invoice, InvoiceLine
from tenants.factories import TenantFactory, UserFactory


class BillingTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.firm = TenantFactory(slug="ours")
        cls.clerk = UserFactory(tenant=cls.firm, groups=["Clerks"])
        cls.manager = UserFactory(tenant=cls.firm, groups=["Managers"])
        cls.auditor = UserFactory(tenant=cls.firm, groups=["Auditors"])
        cls.nobody = UserFactory(tenant=cls.firm)
        cls.own = InvoiceFactory(made_by=cls.clerk)
        cls.line = InvoiceLineFactory(invoice=cls.own, quantity=2, unit_price="10.50")
        cls.others = InvoiceFactory(made_by=cls.manager)
        cls.paid = InvoiceFactory(made_by=cls.clerk, state=Invoice.State.PAID)
        cls.foreign = InvoiceFactory(tenant=TenantFactory(slug="theirs"))

    def edit(self, user, invoice):
        self.client.force_login(user)
        fields = {
            "customer": invoice.customer_id,
            "number": invoice.number,
            "issued": "2026-01-31",
            "state": "sent",
            "note": "changed",
        }
        return self.client.post(reverse("edit_invoice", args=[invoice.pk]), fields)

    def test_a_clerk_sees_their_own_invoices(self):
        self.client.force_login(self.clerk)

        page = self.client.get(reverse("invoices")).context["page"]

        self.assertEqual(set(page), {self.own, self.paid})

    def test_an_auditor_sees_every_invoice_of_the_firm_and_changes_none(self):
        response = self.edit(self.auditor, self.own)

        self.assertEqual(response.status_code, 403)
        with as_user(self.auditor):
            self.assertEqual(set(Invoice.objects.all()), {self.own, self.others, self.paid})

    def test_a_paid_invoice_is_final_even_for_managers(self):
        response = self.edit(self.manager, self.paid)

        self.assertEqual(response.status_code, 403)
        self.paid.refresh_from_db()
        self.assertEqual(self.paid.note, "")

    def test_a_sent_invoice_can_become_paid(self):
        with as_user(self.clerk):
            invoice = Invoice.objects.get(pk=self.own.pk)
            invoice.state = Invoice.State.PAID
            invoice.save()

        self.own.refresh_from_db()
        self.assertEqual(self.own.state, Invoice.State.PAID)

    def test_a_paid_invoice_gets_no_more_lines(self):
        self.client.force_login(self.clerk)
        fields = {"text": "late", "quantity": 1, "unit_price": "1.00"}

        response = self.client.post(reverse("invoice", args=[self.paid.pk]), fields)

        self.assertEqual(response.status_code, 403)
        self.assertFalse(InvoiceLine.objects.filter(invoice=self.paid).exists())

    def test_the_page_of_an_invoice_shows_its_total(self):
        self.client.force_login(self.clerk)

        response = self.client.get(self.own.get_absolute_url())

        self.assertContains(response, "21.00")

    def test_a_clerk_makes_an_invoice_in_their_own_name_only(self):
        values = {"tenant": self.firm, "customer": self.own.customer, "issued": "2026-01-31"}

        with as_user(self.clerk):
            Invoice.objects.create(made_by=self.clerk, number="n1", **values)
            with self.assertRaises(PermissionDenied):
                Invoice.objects.create(made_by=self.manager, number="n2", **values)

    def test_customers_are_closed_to_who_has_no_permission(self):
        self.client.force_login(self.nobody)

        response = self.client.get(reverse("customers"))

        self.assertEqual(response.status_code, 403)

    def test_an_update_without_a_filter_stays_in_the_firm(self):
        foreign = CustomerFactory(tenant=self.foreign.tenant, name="Theirs")

        with as_user(self.manager):
            Customer.objects.update(name="Ours")

        foreign.refresh_from_db()
        self.assertEqual(foreign.name, "Theirs")
        self.own.customer.refresh_from_db()
        self.assertEqual(self.own.customer.name, "Ours")
