"""The tenant of a request, as docs/settings.md names it."""

from tenants.models import Tenant


def from_host(request):
    return Tenant.objects.get(name=request.get_host())
