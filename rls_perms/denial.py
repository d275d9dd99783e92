"""Say what PostgreSQL refused, to whom, and what to do about it."""

from typing import TYPE_CHECKING

from django.apps import apps

from rls_perms.exceptions import PermissionDenied
from rls_perms.framework import framework_tables
from rls_perms.policies.constraint import declaration

if TYPE_CHECKING:
    from django.db.models import Model
    from psycopg import Error

_NEXT = (
    (
        "row-level security",
        "The row does not fulfil the policies of the table for this command: "
        "check its tenant and the permission.",
    ),
    (
        "permission denied for table",
        "Give the user the model's permission, enter a context "
        "(as_user, as_role), or leave the table out of the statement.",
    ),
    ("permission denied for view", "Views are read by roles that were granted them."),
    (
        "permission denied to set role",
        "The login may not become that role: run sync_pg_roles, "
        "and check RLS_PERMS['LOGIN_ROLES'].",
    ),
)
_FRAMEWORK = (
    "Tables of Django's framework are read and written by the ORM's statements on them alone. With "
    "other tables, use a subquery of its own, as in filter(owner__in=User.objects.filter(...))"
)
_COLUMNS = (
    ", or a join by columns other than {sensitive}; lock with select_for_update(of=('self',))"
)


def denied(error: "Error", asking: str) -> PermissionDenied:
    """The one exception for SQLSTATE 42501, naming the model where the table has one."""
    primary = error.diag.message_primary or str(error)
    model = _model(primary)
    named = f" ({model._meta.label})" if model else ""
    advice = next((text for words, text in _NEXT if words in primary), "")
    if model is not None and "permission denied for table" in primary:
        advice += _kept(model)
    if model is not None and model._meta.db_table in framework_tables().names:
        advice = f"{_FRAMEWORK}{_readable(model)}."
    return PermissionDenied(f"PostgreSQL refused {asking}: {primary}{named}. {advice}".strip())


def _kept(model: "type[Model]") -> str:
    """The fields of *model* that not everybody may read or change: PostgreSQL names none."""
    declared = declaration(model)
    columns = () if declared is None else declared.columns
    hidden = ", ".join(name for one in columns if one.view is not None for name in one.fields)
    fixed = ", ".join(name for one in columns if one.change is not None for name in one.fields)
    told = [f"not everybody may read {hidden}"] if hidden else []
    told += [f"not everybody may change {fixed}"] if fixed else []
    if not told:
        return ""
    return f" By its ColumnPermissions, {', and '.join(told)}: leave such fields out."


def _readable(model: "type[Model]") -> str:
    """What else may be done with a table that session roles may read some columns of."""
    readable = framework_tables().readable.get(model._meta.db_table)
    if readable is None:
        return ""
    fields = model._meta.concrete_fields
    hidden = [field.name for field in fields if field.column not in readable]
    return _COLUMNS.format(sensitive=", ".join(hidden) or "none")


def _model(message: str) -> "type[Model] | None":
    """The model of the table that a message ends with."""
    table = message.rpartition('"')[0].rpartition('"')[2] or message.rpartition(" ")[2]
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table:
            return model
    return None
