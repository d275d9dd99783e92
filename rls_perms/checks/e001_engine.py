"""rls_perms.E001: an alias under our care does not use our backend."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import Error
from django.db import connections

from rls_perms.conf import get_settings


def check(**options: Any) -> Iterator[Error]:
    """With another backend no statement runs as the role of its context."""
    conf = get_settings()
    for alias in (one for one in connections.settings if one in conf.all_aliases):
        engine = connections.settings[alias]["ENGINE"]
        if not engine.startswith("rls_perms.backends."):
            yield Error(
                f"DATABASES[{alias!r}] uses the engine {engine!r}, which knows no roles.",
                hint="Set ENGINE to 'rls_perms.backends.postgresql' (or .postgis), or leave the "
                "alias out of RLS_PERMS['DATABASES'].",
                id="rls_perms.E001",
            )
