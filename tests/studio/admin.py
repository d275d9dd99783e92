"""An admin of its own, in which one chooses the tenant."""

from django.contrib import admin

from rls_perms.contrib.admin import RowSecurityAdminMixin
from rls_perms.contrib.tenant_admin import TenantAdminMixin, TenantSwitchMixin
from tests.studio.models import Campaign, Client


class StudioSite(TenantSwitchMixin, admin.AdminSite):
    pass


class ClientAdmin(RowSecurityAdminMixin, TenantAdminMixin, admin.ModelAdmin):
    list_display = ["name"]


class CampaignAdmin(RowSecurityAdminMixin, TenantAdminMixin, admin.ModelAdmin):
    list_display = ["name"]


site = StudioSite()
site.register(Client, ClientAdmin)
site.register(Campaign, CampaignAdmin)
