"""rls_perms.W010: whoever sends a request says in which tenant it runs, and nothing forbids it."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import Warning as CheckWarning
from django.utils.module_loading import import_string

from rls_perms.conf import get_settings
from rls_perms.memberships import tenant_field


def check(**options: Any) -> Iterator[CheckWarning]:
    """A header or a host is the client's: only who belongs where limits it."""
    conf = get_settings()
    if conf.tenant_resolver is None:
        return
    if not getattr(import_string(conf.tenant_resolver), "client_controlled", False):
        return
    if tenant_field() is None and conf.membership_model is None:
        yield CheckWarning(
            f"RLS_PERMS['TENANT_RESOLVER'] is {conf.tenant_resolver!r}, which takes the tenant "
            "from the request, and nothing says which tenants a user belongs to: every user can "
            "work in every tenant.",
            hint="Give the user model a foreign key to the tenant, or set "
            "RLS_PERMS['MEMBERSHIP_MODEL']; then a tenant of others is 403. Or use "
            "'rls_perms.resolvers.from_session'.",
            id="rls_perms.W010",
        )
