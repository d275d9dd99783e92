"""rls_perms.E020: RLS_PERMS["MEMBERSHIP_MODEL"] names a model that cannot hold memberships."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import Error

from rls_perms.exceptions import ConfigurationError
from rls_perms.memberships import membership_model
from rls_perms.policies.constraint import declaration


def check(**options: Any) -> Iterator[Error]:
    """It needs a user, a tenant and groups, and its table is the login's alone."""
    try:
        found = membership_model()
    except ConfigurationError as error:
        yield Error(str(error), id="rls_perms.E020")
        return
    if found is not None and declaration(found.model) is not None:
        yield Error(
            f"{found.model._meta.label} says which groups users have, and declares row security: "
            "whoever may change its rows by SQL gives themselves groups.",
            hint="Remove RowSecurity from it. Its table is the login's then, as the table of a "
            "user's groups is: Django's own code reads and writes it, and no session role.",
            obj=found.model,
            id="rls_perms.E020",
        )
