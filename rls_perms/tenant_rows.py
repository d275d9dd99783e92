"""Give rows the tenant of the context, and refuse those of another one, before any statement."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from rls_perms import audit
from rls_perms.context import current_context
from rls_perms.denial import KEYS, NAMED
from rls_perms.exceptions import PermissionDenied
from rls_perms.tenants import filtering_field, given_tenant, own_tenant_field, tenant_of_context

_DONE = {"add": "added", "change": "changed"}


def fill_tenants(rows: Iterable[Model], model: type[Model]) -> None:
    """Set the tenant of the context in those of *rows*, of *model*, that have none."""
    field = own_tenant_field(model)
    if field is None:
        return
    for row in rows:
        # An object that is assigned and not saved has no key yet: Django refuses it itself.
        if getattr(row, field.attname) is None and not field.is_cached(row):
            given = given_tenant(field)
            if given is None:
                return
            setattr(row, field.attname, given)


def check_tenants(rows: Collection[Model], model: type[Model], action: str) -> None:
    """Raise PermissionDenied if one of *rows* is of another tenant than the context's."""
    field = filtering_field(model)
    tenant = None if field is None else tenant_of_context()
    if field is None or tenant is None:
        return
    others = [
        row
        for row in rows
        if field.attname not in row.get_deferred_fields()
        and not _same(field, getattr(row, field.attname), tenant)
    ]
    if others:
        raise _of_another(model, action, tenant, [row.pk for row in others if row.pk is not None])


def refuse_other_tenant(model: type[Model], values: Mapping[str, Any]) -> None:
    """Raise PermissionDenied if an UPDATE to *values* gives rows to another tenant."""
    field = filtering_field(model)
    tenant = None if field is None else tenant_of_context()
    if field is None or tenant is None:
        return
    for name in (field.name, field.attname):
        given = values.get(name, tenant)
        value = given.pk if isinstance(given, Model) else given
        if not hasattr(value, "resolve_expression") and not _same(field, value, tenant):
            raise _of_another(model, "change", tenant, ())


def _same(field: Any, value: Any, tenant: str) -> bool:
    try:
        return bool(field.target_field.to_python(value) == field.target_field.to_python(tenant))
    except ValidationError:
        return False


def _of_another(
    model: type[Model], action: str, tenant: str, keys: Collection[Any]
) -> PermissionDenied:
    context = current_context()
    audit.denied(audit.Cause.TENANT, context, model=model, action=action)
    named = ", ".join(str(key) for key in list(keys)[:NAMED])
    rows = f"{model._meta.label} {named}".strip()
    return PermissionDenied(
        f"{rows}: a row of another tenant cannot be {_DONE[action]} in tenant {tenant!r}. "
        f"Nothing was {_DONE[action]}. Leave the tenant out, which fills it in, or enter "
        "as_user(user, tenant=...) for the tenant of the rows.",
        model=model,
        action=action,
        keys=list(keys)[:KEYS],
        user=None if context is None else context.user,
    )
