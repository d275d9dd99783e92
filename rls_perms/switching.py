"""Let somebody who belongs to several tenants choose the one that their session is in."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from rls_perms.memberships import tenants_of
from rls_perms.resolvers import (
    choose_tenant,
    chosen_tenant,
    reading_tenants,
    tell_refused,
    tenant_model,
)

__all__ = ["TenantForm", "switch_tenant", "tenant_choices"]


def tenant_choices(user: Any) -> list[tuple[str, str]]:
    """The tenants that *user* may choose, as key and text: theirs, for a superuser all."""
    if getattr(user, "is_anonymous", False):
        return []
    model = tenant_model()
    with reading_tenants():
        rows = model._base_manager.all()
        if not user.is_superuser:
            rows = rows.filter(pk__in=tenants_of(user))
        return sorted(((str(row.pk), str(row)) for row in rows), key=lambda one: one[1])


class TenantForm(forms.Form):
    """A choice among the tenants of the request's user; empty takes the choice back."""

    tenant = forms.ChoiceField(label=_("Tenant"), required=False)
    next = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        field: Any = self.fields["tenant"]
        field.choices = [("", "---------"), *tenant_choices(request.user)]
        self.fields["tenant"].initial = chosen_tenant(request) or ""

    def save(self) -> None:
        """Let the session be in the chosen tenant, from the next request on."""
        choose_tenant(self.request, self.cleaned_data["tenant"] or None)

    @property
    def target(self) -> str:
        """Where to go afterwards: ``next``, if it is on this site."""
        wanted = self.cleaned_data.get("next") or ""
        here = {self.request.get_host()}
        if url_has_allowed_host_and_scheme(wanted, here, self.request.is_secure()):
            return str(wanted)
        return str(resolve_url(settings.LOGIN_REDIRECT_URL))


@require_POST
@login_required
def switch_tenant(request: HttpRequest) -> HttpResponseBase:
    """
    Take the posted ``tenant`` for the session, and go to ``next``.

    For a project with ``TENANT_RESOLVER = "rls_perms.resolvers.from_session"``, and a form with
    ``TenantForm``'s fields. 403 for a tenant that is not the user's.
    """
    form = TenantForm(request, request.POST)
    if not form.is_valid():
        tell_refused(request.user, request.POST.get("tenant"))
        raise PermissionDenied("That tenant cannot be chosen: it is none of the user's.")
    form.save()
    return HttpResponseRedirect(form.target)
