"""rls_perms.E002: a declaration that cannot be put into policies."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import Error
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import connections
from django.db.models import Q

from rls_perms.comparisons import check_comparisons
from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError
from rls_perms.expressions import CurrentTenant, tenant_model_key
from rls_perms.framework import framework_tables
from rls_perms.policies import RowSecurity
from rls_perms.policies.columns import kept_columns
from rls_perms.policies.compile import refuse_composite_key
from rls_perms.policies.constraint import ON_CONCRETE, declaration, in_meta
from rls_perms.policies.declared import ObjectPermissions
from rls_perms.policies.drafts import refuse_unwritable
from rls_perms.policies.grant_tables import grant_sources, refuse_columns_without_values
from rls_perms.policies.hidden import refuse_hidden


def check(**options: Any) -> Iterator[Error]:
    """One declaration a model, of names that exist, on a table that is not the framework's."""
    for model in apps.get_models():
        declared = declaration(model)
        problem = None if declared is None else _problem(model, declared)
        if problem is not None:
            yield Error(problem[0], hint=problem[1], obj=model, id="rls_perms.E002")


def _problem(model: Any, declared: RowSecurity) -> tuple[str, str] | None:
    label = model._meta.label
    names = [one.name for one in in_meta(model)]
    if len(names) > 1:
        return (
            f"{label} declares row security {len(names)} times: {', '.join(names)}.",
            "Write one RowSecurity with all policies.",
        )
    if model._meta.proxy:
        concrete = model._meta.concrete_model._meta.label
        return (
            f"{label} is a proxy: its rows are those of {concrete}, whose permissions decide.",
            ON_CONCRETE,
        )
    if model._meta.db_table in framework_tables().names:
        return (
            f"{label} is a table of Django's framework, which the login role reads and writes.",
            "Leave RowSecurity out: session roles cannot reach such a table in any case.",
        )
    try:
        if declared.arms.object_grants:
            refuse_composite_key(model)
        if declared.tenant is not None:
            tenant_model_key()
            model._meta.get_field(declared.tenant.split("__")[0])
            check_comparisons(Q(**{declared.tenant: CurrentTenant()}), model)
        kept_columns(model, declared.columns)
        for arm in (*declared.arms.permissive, *declared.arms.restrictive):
            for condition in (arm.using, arm.check):
                if condition is not None:
                    check_comparisons(condition, model)
        for _, read in declared.reach(model).reads():
            refuse_hidden(model, read, apps.get_models())
        if declared.arms.object_grants:
            grant_sources(model, connections[get_settings().databases[0]])
        if any(one.creator for one in declared.policies if isinstance(one, ObjectPermissions)):
            refuse_columns_without_values(model)
        refuse_unwritable(model, declared)
    except (ConfigurationError, FieldDoesNotExist, FieldError) as error:
        return (
            f"The row security of {label} cannot be written as policies: {error}",
            "Correct the declaration in Meta.constraints, then run makemigrations.",
        )
    return None
