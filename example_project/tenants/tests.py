"""Login, colleagues, and what the page about PostgreSQL says."""

from django.test import TestCase
from django.urls import reverse
from rls_perms import as_user

from tenants.factories import EmployeeFactory, TenantFactory, UserFactory
from tenants.models import Employee, Tenant


class TenantsTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.firm = TenantFactory(slug="ours")
        cls.clerk = UserFactory(tenant=cls.firm, username="carl", groups=["Clerks"])
        cls.boss = UserFactory(tenant=None, username="root", is_superuser=True)
        cls.colleague = EmployeeFactory(user=UserFactory(tenant=cls.firm))
        cls.stranger = EmployeeFactory(user=UserFactory(tenant=TenantFactory(slug="theirs")))

    def test_somebody_logs_in_by_the_form_and_logs_out(self):
        response = self.client.post(reverse("login"), {"username": "carl", "password": "demo"})
        self.assertRedirects(response, reverse("home"))

        response = self.client.post(reverse("logout"))

        self.assertRedirects(response, reverse("login"))

    def test_without_login_there_is_no_page(self):
        response = self.client.get(reverse("documents"))

        self.assertRedirects(response, f"{reverse('login')}?next={reverse('documents')}")

    def test_a_firm_sees_itself_and_no_other(self):
        with as_user(self.clerk):
            self.assertEqual(list(Tenant.objects.all()), [self.firm])
            self.assertEqual(list(Employee.objects.all()), [self.colleague])

    def test_a_superuser_of_no_firm_sees_them_all(self):
        with as_user(self.boss):
            self.assertEqual(Tenant.objects.count(), 2)

    def test_the_page_tells_the_role_its_memberships_and_its_privileges(self):
        self.client.force_login(self.clerk)

        context = self.client.get(reverse("who_am_i")).context

        self.assertIn("_clerk", context["facts"]["Current role"])
        self.assertIn("_everyone", context["facts"]["Member of"])
        self.assertEqual(context["facts"]["Tenant in policies"], self.firm.pk)
        tables = {table["name"]: table for table in context["tables"]}
        self.assertEqual(tables["billing_customer"]["privileges"], ["SELECT", "INSERT", "UPDATE"])
        self.assertEqual(tables["tenants_user"]["privileges"], [])
        self.assertIn("username", tables["tenants_user"]["columns"])
        self.assertNotIn("password", tables["tenants_user"]["columns"])

    def test_a_visitor_is_the_anonymous_role(self):
        context = self.client.get(reverse("who_am_i")).context

        self.assertIn("_anonymous", context["facts"]["Current role"])

    def test_every_list_answers_every_kind_of_user(self):
        for name in ("home", "documents", "files", "customers", "invoices", "colleagues"):
            for groups in (["Managers"], ["Clerks"], ["Auditors"]):
                with self.subTest(page=name, groups=groups):
                    self.client.force_login(UserFactory(tenant=self.firm, groups=groups))

                    self.assertEqual(self.client.get(reverse(name)).status_code, 200)
