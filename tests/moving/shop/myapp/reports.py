"""Code without a request: what a task or a command of the application calls."""

from django.db import DatabaseError, transaction
from django_rls_tenants import (
    admin_context,
    async_admin_context,
    async_tenant_context,
    tenant_context,
    with_rls_context,
)
from django_rls_tenants.tenants.state import get_current_tenant_id

from myapp.models import Order


def of_tenant(tenant_id):
    with tenant_context(tenant_id):
        return titles(), str(get_current_tenant_id())


def of_all():
    with admin_context():
        return titles()


@with_rls_context
def of_user(current_user):
    return titles()


def by_manager(user):
    return titles(Order.objects.for_user(user))


async def soon_of_tenant(tenant_id):
    async with async_tenant_context(tenant_id):
        return [str(order) async for order in Order.objects.all()]


async def soon_of_all():
    async with async_admin_context():
        return [str(order) async for order in Order.objects.all()]


@with_rls_context
async def soon_of_user(current_user):
    return [str(order) async for order in Order.objects.all()]


def titles(orders=None):
    return [str(order) for order in (Order.objects.all() if orders is None else orders)]


@with_rls_context
def give(title, tenant_id, current_user):
    """Make an order, of whichever tenant; returns whether the database let it pass."""
    try:
        with transaction.atomic():
            Order.objects.create(title=title, tenant_id=tenant_id)
            transaction.set_rollback(True)
    except DatabaseError:
        return False
    return True
