"""The admin for rows of tenants: choices of one tenant, and a page to choose which."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _

from rls_perms.switching import TenantForm
from rls_perms.tenant_rows import fill_tenants
from rls_perms.tenants import own_tenant_field, tenant_of_context

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite, ModelAdmin
    from django.db.models import Model

    _AdminSite = AdminSite
    _ModelAdmin = ModelAdmin[Any]
else:
    _AdminSite = _ModelAdmin = object

PAGE = """
{% extends "admin/base_site.html" %}
{% block content %}
<form method="post">{% csrf_token %}
{{ form.as_p }}
<input type="submit" value="{{ title }}">
</form>
{% endblock %}
"""


class TenantAdminMixin(_ModelAdmin):
    """
    Beside ``ModelAdmin``, for a model with a tenant: ``class ClientAdmin(TenantAdminMixin, ...)``.

    In a tenant its form offers that tenant alone, and a row without one gets it. Where rows of
    all tenants are shown (a superuser without a tenant), the list tells the tenant of each and
    filters by it.
    """

    def get_list_display(self, request: HttpRequest) -> Any:
        return self._with_tenant(super().get_list_display(request))

    def get_list_filter(self, request: HttpRequest) -> Any:
        return self._with_tenant(super().get_list_filter(request))

    def _with_tenant(self, names: Any) -> Any:
        field = own_tenant_field(self.model)
        if field is None or tenant_of_context() is not None or field.name in names:
            return names
        return [*names, field.name]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        tenant = tenant_of_context()
        if tenant is not None and db_field == own_tenant_field(self.model):
            kwargs["queryset"] = db_field.related_model._default_manager.filter(pk=tenant)
            kwargs.setdefault("initial", tenant)
            kwargs.setdefault("empty_label", None)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: "Model", form: Any, change: bool) -> None:
        fill_tenants([obj], type(obj))
        super().save_model(request, obj, form, change)


class TenantSwitchMixin(_AdminSite):
    """
    Beside ``AdminSite``: a page on which its user chooses the tenant of the session.

    For a project with ``TENANT_RESOLVER = "rls_perms.resolvers.from_session"``. The page is
    ``<admin>/tenant/``, named ``switch_tenant``, and the list of applications links to it.
    """

    def get_urls(self) -> list[Any]:
        page = path("tenant/", self.admin_view(self.switch_tenant), name="switch_tenant")
        return [page, *super().get_urls()]

    def get_app_list(self, request: Any, app_label: str | None = None) -> list[Any]:
        apps: list[Any] = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        url = reverse("admin:switch_tenant", current_app=self.name)
        perms = dict.fromkeys(("add", "change", "delete", "view"), False)
        entry = {
            "name": _("Switch tenant"),
            "object_name": "SwitchTenant",
            "admin_url": url,
            "add_url": None,
            "view_only": True,
            "perms": perms,
        }
        own = {
            "name": _("Tenant"),
            "app_label": "rls_perms",
            "app_url": url,
            "has_module_perms": True,
            "models": [entry],
        }
        return [own, *apps]

    def switch_tenant(self, request: HttpRequest) -> HttpResponseBase:
        """The page: a form with the tenants of the user."""
        form = TenantForm(request, request.POST or None)
        if request.method == "POST" and form.is_valid():
            form.save()
            return HttpResponseRedirect(reverse("admin:index", current_app=self.name))
        engine = next(one for one in engines.all() if isinstance(one, DjangoTemplates))
        request.current_app = self.name
        context = {**self.each_context(request), "title": _("Switch tenant"), "form": form}
        return TemplateResponse(request, engine.from_string(PAGE), context)
