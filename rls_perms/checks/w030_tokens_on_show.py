"""rls_perms.W030: whoever is the login can read the tokens that its other sessions send."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import Tags
from django.core.checks import Warning as CheckWarning
from django.db import connections

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.policies.constraint import is_ours
from rls_perms.statements import advice


def check(*, databases: Sequence[str] | None = None, **options: Any) -> Iterator[CheckWarning]:
    """Asked with ``--database``, and by ``migrate``: it reads the catalog."""
    conf = get_settings()
    if not conf.signed_context or conf.signed_to_backend:
        return
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "postgresql" or not is_ours(connection):
            continue
        kept = catalog.kept_parameters(connection, conf.login_roles)
        quiet = {login for login, _, name, value in kept if (name, value) == SHOWS_NOTHING}
        for login in sorted({*conf.login_roles} - quiet):
            hide = advice.alter_role(login, "SET track_activities = off")
            yield CheckWarning(
                f"Tokens name no backend (RLS_PERMS['SIGNED_TO_BACKEND'] is False), and "
                f"pg_stat_activity shows {login!r} what its sessions run: SQL that is injected "
                f"there can take another session's token, for {conf.signed_seconds} seconds.",
                hint=f"Let a superuser run: {hide}; or set SIGNED_TO_BACKEND to True, where no "
                "pooler changes backends between statements.",
                id="rls_perms.W030",
            )


SHOWS_NOTHING = ("track_activities", "off")

check.tags = (Tags.database,)  # type: ignore[attr-defined]
