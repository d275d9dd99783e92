"""rls_perms.W050: server-side cursors through a pooler, which does not keep them together."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import Tags
from django.core.checks import Warning as CheckWarning
from django.db import connections

from rls_perms import catalog
from rls_perms.conf import get_settings


def check(*, databases: Sequence[str] | None = None, **options: Any) -> Iterator[CheckWarning]:
    """Asked with ``--database``, and by ``migrate``: whether there is a pooler, only it knows."""
    for alias in databases or ():
        if alias not in get_settings().databases:
            continue
        connection = connections[alias]
        disabled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
        if connection.vendor == "postgresql" and not disabled and catalog.is_pooled(connection):
            yield CheckWarning(
                f"DATABASES[{alias!r}] connects through a pooler and uses server-side cursors. In "
                "transaction mode iterator() outside of a transaction declares one in a session "
                "and reads it in another, which has none of that name.",
                hint=f"Set DATABASES[{alias!r}]['DISABLE_SERVER_SIDE_CURSORS'] = True. A pooler "
                "in session mode has no such limit: list 'rls_perms.W050' in "
                "SILENCED_SYSTEM_CHECKS.",
                id="rls_perms.W050",
            )


check.tags = (Tags.database,)  # type: ignore[attr-defined]
