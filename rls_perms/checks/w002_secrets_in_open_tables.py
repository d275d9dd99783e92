"""rls_perms.W002: an app keeps tokens, passwords or sessions in tables that are open."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Warning as CheckWarning

from rls_perms.conf import get_settings
from rls_perms.framework import framework_tables
from rls_perms.policies.constraint import declaration

#: What such a column is called, as a whole word of its name.
SECRET = re.compile(
    r"(?:^|_)(?:token|secret|passwd|password|otp|session_key|session_data|api_key|private_key)"
    r"(?:$|_)"
)
#: What such a model is called: its key may be the secret.
MODEL = re.compile(r"(?:^|(?<=[a-z]))(?:Token|Secret|Credential|EmailConfirmation)(?![a-z])")


def check(**options: Any) -> Iterator[CheckWarning]:
    """Whoever can run SQL in a view reads an open table, and logs in with what it holds."""
    framework = framework_tables().names
    found: dict[str, list[str]] = defaultdict(list)
    for model in apps.get_models():
        meta = model._meta
        if meta.db_table in framework or meta.proxy or declaration(model) is not None:
            continue
        if MODEL.search(model.__name__) or any(
            SECRET.search(field.name) for field in meta.local_concrete_fields
        ):
            found[meta.app_label].append(meta.label)
    for label, models in found.items():
        listed = [*get_settings().framework_apps, label]
        yield CheckWarning(
            f"The tables of {', '.join(models)} look as if they hold tokens, passwords or "
            "sessions, and every session role may read and write them.",
            hint="If only the app itself uses its tables, write RLS_PERMS['FRAMEWORK_APPS'] = "
            f"{listed!r}. Otherwise give the models a RowSecurity, or list "
            "'rls_perms.W002' in SILENCED_SYSTEM_CHECKS.",
            id="rls_perms.W002",
        )
