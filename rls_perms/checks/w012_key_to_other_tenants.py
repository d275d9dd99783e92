"""rls_perms.W012: a foreign key between rows of tenants that may lead to another tenant's."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Warning as CheckWarning
from django.db.models import ForeignKey

from rls_perms.policies import SameTenant
from rls_perms.policies.constraint import declaration
from rls_perms.tenants import filtering_field, own_tenant_field


def check(**options: Any) -> Iterator[CheckWarning]:
    """PostgreSQL checks a foreign key without regard to who sees the row that it leads to."""
    for model in apps.get_models():
        own = None if model._meta.proxy else own_tenant_field(model)
        if own is None or own.model is not model:
            continue
        kept = {one.field for one in model._meta.constraints if isinstance(one, SameTenant)}
        for field in model._meta.local_fields:
            if not isinstance(field, ForeignKey) or field == own or field.name in kept:
                continue
            if field.remote_field.parent_link or not _db_constraint(field):
                continue
            to = _tenant_of(field.related_model)
            if to is not None:
                yield CheckWarning(
                    f"{model._meta.label}.{field.name} may lead to a row of another tenant: "
                    "nothing in the database compares the two.",
                    hint=f"Add {_mend(field, own, to)} to its Meta.constraints, or derive the "
                    "model from TenantModel.",
                    obj=model,
                    id="rls_perms.W012",
                )


def _mend(field: Any, own: Any, to: Any) -> str:
    said = [repr(field.name)]
    said += [f"tenant={own.name!r}"] if own.name != "tenant" else []
    said += [f"parent_tenant={to.name!r}"] if to.name != "tenant" else []
    return f"SameTenant({', '.join(said)})"


def _db_constraint(field: Any) -> bool:
    return bool(field.db_constraint)


def _tenant_of(model: Any) -> Any:
    """The key of *model* to its tenant, if all of its rows belong to one."""
    return None if declaration(model) is None else filtering_field(model)
