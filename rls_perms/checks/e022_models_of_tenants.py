"""rls_perms.E022: TENANT_ROLES gives tenants a model that is protected, or the framework's."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Error

from rls_perms.conf import get_settings
from rls_perms.framework import framework_tables
from rls_perms.policies.constraint import declaration


def check(**options: Any) -> Iterator[Error]:
    """Only a table that is open otherwise becomes some tenants' by being listed."""
    conf = get_settings()
    if conf.tenant_roles is None:
        return
    labels = {label for one in conf.tenant_roles.tenants.values() for label in one.models}
    for label in sorted(labels):
        model = apps.get_model(label)
        if declaration(model) is not None:
            why = "has row security: who sees its rows is for its policies and permissions to say"
        elif model._meta.db_table in framework_tables().names:
            why = "is one of the framework's, which no session role may use"
        else:
            continue
        yield Error(
            f"RLS_PERMS['TENANT_ROLES'] gives {label} to single tenants, but it {why}.",
            hint=f"Take {label} out of 'models'.",
            obj=model,
            id="rls_perms.E022",
        )
