"""rls_perms.E003: a multi-table child of a protected model has no row security of its own."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Error

from rls_perms.policies.constraint import declaration


def check(**options: Any) -> Iterator[Error]:
    """The parent's policies hold on the parent's table alone."""
    for model in apps.get_models():
        if model._meta.proxy or declaration(model) is not None:
            continue
        for parent in model._meta.get_parent_list():
            if declaration(parent) is not None:
                yield Error(
                    f"{model._meta.label} has a table of its own, which the row security of "
                    f"{parent._meta.label} does not reach. It is closed to every session role.",
                    hint="Add a RowSecurity to its Meta.constraints.",
                    obj=model,
                    id="rls_perms.E003",
                )
                break
