"""rls_perms.W011: what is unique across tenants tells one of them what another has."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Warning as CheckWarning
from django.db.models import (
    AutoField,
    CompositePrimaryKey,
    F,
    ForeignKey,
    OneToOneField,
    UniqueConstraint,
    UUIDField,
)

from rls_perms.policies.constraint import declaration
from rls_perms.tenants import own_tenant_field


def check(**options: Any) -> Iterator[CheckWarning]:
    """PostgreSQL compares with rows that nobody of the tenant sees, and refuses the value."""
    for model in apps.get_models():
        declared = None if model._meta.proxy else declaration(model)
        if declared is None or declared.tenant is None:
            continue
        key = declared.tenant.split("__")[0]
        field: Any = None if key == "pk" else model._meta.get_field(key)
        if field is None or field.primary_key:
            continue  # a row is a tenant
        for what, mend in _unique(model, key):
            yield CheckWarning(
                f"{model._meta.label}: {what} is unique across all tenants: a value that another "
                "tenant has is refused, which tells that it is there.",
                hint=mend,
                obj=model,
                id="rls_perms.W011",
            )


def _unique(model: Any, key: str) -> Iterator[tuple[str, str]]:
    for field in model._meta.local_fields:
        if isinstance(field, OneToOneField) or not field.unique:
            continue
        if not field.primary_key:
            fields = f'["{key}", "{field.name}"]'
            yield (
                repr(field.name),
                f"Write UniqueConstraint(fields={fields}, name=...) instead of unique=True.",
            )
        elif not _is_made_up(field):
            yield (
                f"the primary key {field.name!r}",
                f"Give it a key that is made up (BigAutoField, UUIDField), and "
                f'UniqueConstraint(fields=["{key}", "{field.name}"], name=...).',
            )
    for names in model._meta.unique_together:
        if not _is_scoped(model, names):
            yield (
                f"unique_together {tuple(names)!r}",
                f"Add {key!r} to it.",
            )
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint):
            named = [*constraint.fields, *_in_expressions(constraint.expressions)]
            if not _is_scoped(model, named):
                yield (
                    f"the constraint {constraint.name!r}",
                    f"Add {key!r} to its fields.",
                )


def _is_made_up(field: Any) -> bool:
    """Whether values of a primary key are nobody's choice, so that nobody hits another's."""
    if isinstance(field, CompositePrimaryKey):
        return _is_scoped(field.model, field.field_names)
    return isinstance(field, AutoField | UUIDField) or "AutoField" in type(field).__name__


def _is_scoped(model: Any, names: Iterable[str]) -> bool:
    """Whether one of the fields is the tenant, or leads to a row of one tenant."""
    for name in names:
        field = model._meta.get_field(name)
        if not isinstance(field, ForeignKey):
            continue
        if field == own_tenant_field(model):
            return True
        declared = declaration(field.related_model)
        if declared is not None and declared.tenant is not None:
            return True
    return False


def _in_expressions(expressions: Iterable[Any]) -> Iterator[str]:
    """The fields that expressions of a constraint name."""
    for expression in expressions:
        if isinstance(expression, F):
            yield str(getattr(expression, "name", "")).split("__")[0]
        elif hasattr(expression, "get_source_expressions"):
            yield from _in_expressions(expression.get_source_expressions())
