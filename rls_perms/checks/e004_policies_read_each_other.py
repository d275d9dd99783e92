"""rls_perms.E004: the policies of two models read each other."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Error

from rls_perms.exceptions import ConfigurationError
from rls_perms.policies.recursion import loops


def check(**options: Any) -> Iterator[Error]:
    """PostgreSQL would ask the one for the other without end, and refuses every query."""
    try:
        found = list(loops(apps.get_models(include_auto_created=True)))
    except ConfigurationError:
        # A declaration that cannot be put into policies: E002 says which, and why.
        return
    for models in found:
        labels = [model._meta.label for model in models]
        yield Error(
            f"The policies of {', '.join(labels[:-1])} and {labels[-1]} read each other: "
            f"{' reads '.join([*labels, labels[0]])}. PostgreSQL refuses every query on them.",
            hint="Write Policy(..., trusted=True) for one of them: it then reads the other's "
            "table as its owner. Or leave one of the conditions out.",
            obj=models[0],
            id="rls_perms.E004",
        )
