from django.test import TestCase
from django_rls_tenants.tenants.testing import (
    assert_rls_blocks_without_context,
    assert_rls_enabled,
    assert_rls_enforced,
    rls_as_tenant,
    rls_bypass,
)

from myapp.models import Order, Tenant


class Orders(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.acme, cls.globex = (Tenant.objects.create(name=name) for name in ("Acme", "Globex"))
        with rls_bypass():
            Order.objects.create(title="Anvil", tenant=cls.acme)
            Order.objects.create(title="Bolts", tenant=cls.globex)

    def test_a_tenant_has_its_own_orders(self):
        with rls_as_tenant(self.acme.pk):
            assert [order.title for order in Order.objects.all()] == ["Anvil"]

    def test_the_bypass_has_all(self):
        with rls_bypass():
            assert Order.objects.count() == 2

    def test_the_table_is_protected(self):
        assert_rls_enabled("myapp_order")
        with rls_as_tenant(self.acme.pk):
            assert_rls_enforced()

    def test_nothing_is_shown_without_a_context(self):
        assert_rls_blocks_without_context(Order)
