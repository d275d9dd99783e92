"""rls_perms.W040: no middleware lets requests run as their user."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import Warning as CheckWarning

from rls_perms.middleware import SetRoleMiddleware, places_of


def check(**options: Any) -> Iterator[CheckWarning]:
    """Without it every request is the bare login, and protected tables are closed."""
    if settings.MIDDLEWARE and not places_of(SetRoleMiddleware):
        yield CheckWarning(
            "No middleware of MIDDLEWARE lets requests run as the role of their user, so each "
            "is the bare login, to which protected tables are closed.",
            hint="Add 'rls_perms.middleware.SetRoleMiddleware' after "
            "'django.contrib.auth.middleware.AuthenticationMiddleware'. If views enter contexts "
            "themselves, list 'rls_perms.W040' in SILENCED_SYSTEM_CHECKS.",
            id="rls_perms.W040",
        )
