"""rls_perms.W043: Django REST framework tells clients the role and the table of a denial."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Warning as CheckWarning


def check(**options: Any) -> Iterator[CheckWarning]:
    """Asked with ``--deploy``: a developer is helped by what a stranger should not read."""
    if not apps.is_installed("rest_framework"):
        return
    from rest_framework.settings import api_settings
    from rest_framework.views import exception_handler

    if api_settings.EXCEPTION_HANDLER is exception_handler:
        yield CheckWarning(
            "Django REST framework sends clients the whole message of a denial as 'detail': the "
            "PostgreSQL role, the table and the keys of user and rows.",
            hint="Set REST_FRAMEWORK['EXCEPTION_HANDLER'] to "
            "'rls_perms.contrib.rest_framework.exception_handler', which logs it instead. If "
            "clients may read it, list 'rls_perms.W043' in SILENCED_SYSTEM_CHECKS.",
            id="rls_perms.W043",
        )


check.deploy = True  # type: ignore[attr-defined]
