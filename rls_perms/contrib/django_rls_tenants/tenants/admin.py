"""``RLSTenantModelAdmin``: the admin for rows of tenants."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from rls_perms.contrib.admin import RowSecurityAdminMixin
from rls_perms.contrib.django_rls_tenants.refused import refuse
from rls_perms.contrib.tenant_admin import TenantAdminMixin

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

__all__ = ["RLSTenantModelAdmin"]


class RLSTenantModelAdmin(TenantAdminMixin, RowSecurityAdminMixin, _ModelAdmin):
    """
    Shows, and lets change, the rows of the user's tenant, as their permissions say.

    A superuser without a tenant has those of all tenants, with a filter by tenant. To choose
    one, ``TenantSwitchMixin`` of ``rls_perms.contrib.tenant_admin`` adds a page to the site.
    """


def __getattr__(name: str) -> Any:
    return refuse("tenants.admin", name)
