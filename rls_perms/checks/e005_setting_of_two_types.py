"""rls_perms.E005: declarations read one value of the context as different types."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Error

from rls_perms.policies.asked import asked_by


def check(**options: Any) -> Iterator[Error]:
    """What is set could be right for one of them only."""
    for name, one in asked_by(apps.get_models()).items():
        if len(one.fields) > 1:
            yield Error(
                f"Setting({name!r}) is read as different types: {one}.",
                hint="Give each Setting of that name the same output_field, or two names.",
                obj=one.fields[1][1][0],
                id="rls_perms.E005",
            )
