"""rls_perms.E030: a login brings a role, or a setting of the context, into each new connection."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import Error, Tags
from django.db import connections

from rls_perms import catalog
from rls_perms.conf import REFUSED_PARAMETERS, get_settings
from rls_perms.policies.constraint import is_ours
from rls_perms.statements import advice


def check(*, databases: Sequence[str] | None = None, **options: Any) -> Iterator[Error]:
    """
    Asked with ``--database``, and by ``migrate``: it reads the catalog.

    A login may alter its own role, so SQL that was injected once can stay for all time.
    """
    conf = get_settings()
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "postgresql" or not is_ours(connection):
            continue
        for login, database, name, value in catalog.kept_parameters(connection, conf.login_roles):
            if name not in REFUSED_PARAMETERS and not name.startswith(f"{conf.guc_prefix}."):
                continue
            reset = advice.reset_parameter(login, database, name)
            yield Error(
                f"Every new connection of {login!r} begins with {name} = {value!r}: statements "
                "without a context run as that.",
                hint=f"Nothing of rls_perms sets it. Run: {reset}; and find out who did.",
                id="rls_perms.E030",
            )


check.tags = (Tags.database,)  # type: ignore[attr-defined]
