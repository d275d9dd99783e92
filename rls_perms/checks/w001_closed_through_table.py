"""rls_perms.W001: the table of a many-to-many field of a protected model is closed."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Warning as CheckWarning

from rls_perms.policies.constraint import declaration


def check(**options: Any) -> Iterator[CheckWarning]:
    """Its rows say which protected rows exist, and no policy of this version covers them."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.auto_created or declaration(model) is not None:
            continue
        ends = [
            one.remote_field.model
            for one in model._meta.concrete_fields
            if one.remote_field is not None
        ]
        protected = [end for end in ends if declaration(end) is not None]
        if protected:
            yield CheckWarning(
                f"The table {model._meta.db_table!r} of a many-to-many field of "
                f"{protected[0]._meta.label} is closed to every session role: this version has "
                "no policies for it.",
                hint="Write the relation as a model of its own (through=...) with a RowSecurity.",
                obj=protected[0],
                id="rls_perms.W001",
            )
