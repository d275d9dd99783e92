"""In which tenant a request runs."""

from rls_perms import as_system

from tenants.models import Tenant


def tenant_of(request):
    """The user's own firm; for a visitor the one that the address of a public page names."""
    if request.user.is_authenticated:
        return request.user.tenant_id
    slug = request.resolver_match.kwargs.get("firm") if request.resolver_match else None
    if slug is None:
        return None
    with as_system(reason=f"public page of {slug}"):
        return Tenant.objects.filter(slug=slug).first()
