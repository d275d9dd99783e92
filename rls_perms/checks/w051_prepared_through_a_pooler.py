"""rls_perms.W051: prepared statements through a pooler, which may not know them."""

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
        threshold = connection.settings_dict["OPTIONS"].get("prepare_threshold")
        prepares = connection.vendor == "postgresql" and threshold is not None
        if prepares and catalog.is_pooled(connection):
            yield CheckWarning(
                f"DATABASES[{alias!r}] connects through a pooler and prepares statements "
                f"(prepare_threshold is {threshold}). In transaction mode a session may lack the "
                "statement, or have another one of the same name.",
                hint="Remove prepare_threshold from OPTIONS. PgBouncer from 1.21 on, with its "
                "max_prepared_statements, and a pooler in session mode have no such limit: list "
                "'rls_perms.W051' in SILENCED_SYSTEM_CHECKS.",
                id="rls_perms.W051",
            )


check.tags = (Tags.database,)  # type: ignore[attr-defined]
