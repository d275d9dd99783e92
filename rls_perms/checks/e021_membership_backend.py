"""rls_perms.E021: there are memberships, and has_perm does not count them."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import Error
from django.utils.module_loading import import_string

from rls_perms.conf import get_settings

BACKEND = "rls_perms.auth.MembershipBackend"


def check(**options: Any) -> Iterator[Error]:
    """The database would allow what Django does not."""
    if get_settings().membership_model is None or BACKEND in settings.AUTHENTICATION_BACKENDS:
        return
    backend = import_string(BACKEND)
    if not any(issubclass(import_string(one), backend) for one in settings.AUTHENTICATION_BACKENDS):
        yield Error(
            "RLS_PERMS['MEMBERSHIP_MODEL'] gives users groups in single tenants, and no backend "
            "of AUTHENTICATION_BACKENDS counts these: has_perm says less than PostgreSQL allows.",
            hint=f"Add {BACKEND!r} to AUTHENTICATION_BACKENDS.",
            id="rls_perms.E021",
        )
