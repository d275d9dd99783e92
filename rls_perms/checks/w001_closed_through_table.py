"""rls_perms.W001: the ``through`` model of a protected model's many-to-many field is closed."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Warning as CheckWarning

from rls_perms.policies.constraint import declaration, protected_ends


def check(**options: Any) -> Iterator[CheckWarning]:
    """Its rows say which protected rows exist, and it does not say who sees them."""
    for model in apps.get_models():
        if declaration(model) is not None:
            continue
        protected = protected_ends(model)
        if protected:
            yield CheckWarning(
                f"{model._meta.label} relates rows of {protected[0]._meta.label}, which has row "
                "security, and has none itself: its table is closed to every session role.",
                hint="Add a RowSecurity to its Meta.constraints. Django's own table of a "
                "many-to-many field, without through=..., gets its policies by itself.",
                obj=model,
                id="rls_perms.W001",
            )
