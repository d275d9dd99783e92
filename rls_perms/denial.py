"""Say what PostgreSQL refused, to whom, and what to do about it."""

from typing import TYPE_CHECKING

from django.apps import apps

from rls_perms.exceptions import PermissionDenied

if TYPE_CHECKING:
    from psycopg import Error

_NEXT = (
    ("row-level security", "The row does not fulfil the policies of the table for this command: "
     "check its tenant and the permission."),
    ("permission denied for table", "Give the user the model's permission, enter a context "
     "(as_user, as_role), or leave the table out of the statement. Tables of Django's framework "
     "are read by statements on them alone."),
    ("permission denied for view", "Views are read by roles that were granted them."),
    ("permission denied to set role", "The login may not become that role: run sync_pg_roles, "
     "and check RLS_PERMS['LOGIN_ROLES']."),
)


def denied(error: "Error", asking: str) -> PermissionDenied:
    """The one exception for SQLSTATE 42501, naming the model where the table has one."""
    primary = error.diag.message_primary or str(error)
    model = _label(primary)
    named = f" ({model})" if model else ""
    advice = next((text for words, text in _NEXT if words in primary), "")
    return PermissionDenied(f"PostgreSQL refused {asking}: {primary}{named}. {advice}".strip())


def _label(message: str) -> str | None:
    """The model of the table that a message ends with."""
    table = message.rpartition('"')[0].rpartition('"')[2] or message.rpartition(" ")[2]
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table:
            return model._meta.label
    return None
