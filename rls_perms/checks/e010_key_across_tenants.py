"""rls_perms.E010: a ``SameTenant`` that cannot be a foreign key."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Error

from rls_perms.exceptions import ConfigurationError
from rls_perms.policies import SameTenant


def check(**options: Any) -> Iterator[Error]:
    """It is of two columns of one table, and both models say where their tenant is."""
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if not isinstance(constraint, SameTenant):
                continue
            try:
                constraint.key(model)
            except ConfigurationError as error:
                yield Error(
                    str(error),
                    hint="Correct the constraint in Meta.constraints, then run makemigrations.",
                    obj=model,
                    id="rls_perms.E010",
                )
