"""rls_perms.W041: the middleware stands before the one that knows the user."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import Warning as CheckWarning

from rls_perms.middleware import SetRoleMiddleware, places_of


def check(**options: Any) -> Iterator[CheckWarning]:
    """What other middlewares ask before there is a user fails."""
    ours, users = places_of(SetRoleMiddleware), places_of(AuthenticationMiddleware)
    if ours and users and ours[0] < users[0]:
        yield CheckWarning(
            "SetRoleMiddleware stands before AuthenticationMiddleware in MIDDLEWARE, so a "
            "statement of a middleware between them has no user to run as, and fails.",
            hint="Move it after AuthenticationMiddleware.",
            id="rls_perms.W041",
        )
