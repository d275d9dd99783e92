"""Say what PostgreSQL refused, to whom, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.apps import apps

from rls_perms import audit
from rls_perms.audit import Cause
from rls_perms.conf import get_settings
from rls_perms.context import Context
from rls_perms.exceptions import NotMigrated, PermissionDenied
from rls_perms.framework import framework_tables
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import declaration
from rls_perms.statements.row_security import Table

if TYPE_CHECKING:
    from django.db.models import Model
    from psycopg import Error

_NEXT = (
    (
        "row-level security",
        "The row does not fulfil the policies of the table for this command: "
        "check its tenant and the permission.",
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
_NOT_MIGRATED = (
    "The login has no privilege on it yet. Run manage.py migrate --database {owner} first (an "
    "alias with the owner's credentials): it gives the login what Django's own tables need."
)
_MIGRATIONS = "django_migrations"
_COLUMNS = (
    ", or a join by columns other than {sensitive}; lock with select_for_update(of=('self',))"
)


#: How many keys a message names, and how many an exception carries.
NAMED = 5
KEYS = 100

_DONE = {"change": "changed", "delete": "deleted"}
_COMMANDS = {"change": "UPDATE", "delete": "DELETE"}


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: in words, and for programs."""

    words: str
    user: str | None = None
    role: str | None = None
    context: Context | None = None
    database: str | None = None

    def __str__(self) -> str:
        return self.words


def asking_on(connection: Any) -> Asking:
    """Who asks on *connection*; one of another engine knows no roles."""
    return getattr(connection, "asking", Asking("this login"))


def denied(
    error: "Error",
    asking: Asking,
    *,
    running: "type[Model] | None" = None,
    action: str | None = None,
    keys: Sequence[Any] = (),
) -> PermissionDenied:
    """
    The exception for SQLSTATE 42501, naming the model where the table has one.

    *running* is the model of the ORM's statement, with its action and the keys that it names.
    """
    primary = error.diag.message_primary or str(error)
    model = _model(primary, running)
    if model is None or running is None or table_of(model) != table_of(running):
        # The statement reads other tables, too, and it is one of these that is closed.
        action, keys = None if model is None or running is None else "view", ()
    named = f" ({_rows(model, keys)})" if model else ""
    advice = next((text for words, text in _NEXT if words in primary), "")
    kind = PermissionDenied
    if primary.startswith("permission denied for table "):
        advice = _closed(model, action, asking)
        if _is_not_migrated(primary, model, asking):
            kind = NotMigrated
            advice = _NOT_MIGRATED.format(owner=get_settings().owner_of(str(asking.database)))
    tell(_cause(primary), asking, model=model, action=action, sqlstate=error.sqlstate)
    return kind(
        _message(asking, f"{primary}{named}", advice),
        model=model,
        action=action,
        keys=islice(keys, KEYS),
        user=asking.user,
        role=asking.role,
        sqlstate=error.sqlstate,
    )


def passed_over(
    model: "type[Model]", action: str, keys: Sequence[Any], asking: Asking
) -> PermissionDenied:
    """The exception for rows that PostgreSQL shows, and left out of an UPDATE or a DELETE."""
    # A proxy's rows are its model's, whose policies are to be looked at.
    model = model._meta.concrete_model or model
    one = len(keys) == 1
    meta = model._meta
    reason = (
        f"{_rows(model, keys)} {'is' if one else 'are'} shown and may not be {_DONE[action]} "
        f"({_COMMANDS[action]})"
    )
    advice = (
        f"Nothing was {_DONE[action]}. Grant the permission {meta.app_label}.{action}_"
        f"{meta.model_name}, to the user or for {'this object' if one else 'these objects'}, or "
        "look at the policies of the model."
    )
    tell(Cause.PASSED_OVER, asking, model=model, action=action)
    return PermissionDenied(
        _message(asking, reason, advice),
        model=model,
        action=action,
        keys=islice(keys, KEYS),
        user=asking.user,
        role=asking.role,
    )


def tell(cause: Cause, asking: Asking, **what: Any) -> None:
    """The event of a denial, for the audit log: *what* is its model, action and sqlstate."""
    audit.denied(cause, asking.context, role=asking.role, database=asking.database, **what)


def _cause(primary: str) -> Cause:
    """Why PostgreSQL refused, by its own messages; a function of the project's may say anything."""
    if "row-level security" in primary:
        return Cause.POLICY
    if primary.startswith("permission denied to set role"):
        return Cause.ROLE
    return Cause.PRIVILEGE if primary.startswith("permission denied for ") else Cause.OTHER


def _message(asking: Asking, reason: str, advice: str) -> str:
    return f"PostgreSQL refused {asking}: {reason}. {advice}".strip()


def _rows(model: "type[Model]", keys: Sequence[Any]) -> str:
    """The label of *model* with the first keys."""
    named = [repr(key) if isinstance(key, str) else str(key) for key in keys[:NAMED]]
    if len(keys) > NAMED:
        more = len(keys) - NAMED
        named.append(f"and {more if len(keys) < KEYS else f'{more} or'} more")
    return f"{model._meta.label} {', '.join(named)}".strip()


def _is_not_migrated(primary: str, model: "type[Model] | None", asking: Asking) -> bool:
    """Whether the login itself is refused what sync always gives it."""
    if asking.context is not None or asking.database not in get_settings().databases:
        return False
    is_frameworks = model is not None and _is_frameworks(model)
    return is_frameworks or primary.endswith(f" {_MIGRATIONS}")


def _is_frameworks(model: "type[Model]") -> bool:
    return model._meta.db_table in framework_tables().names


def _closed(model: "type[Model] | None", action: str | None, asking: Asking) -> str:
    """What to do where a role lacks a privilege of a table, or of columns of it."""
    if model is not None and _is_frameworks(model):
        return f"{_FRAMEWORK}{_readable(model)}."
    if asking.context is None:
        return "Enter a context (as_user, as_role), or leave the table out of the statement."
    permission = "the model's permission"
    if model is not None and action is not None:
        permission = f"the permission {model._meta.app_label}.{action}_{model._meta.model_name}"
    allow = f"the user {permission}, or leave the table out of the statement."
    kept = "" if model is None else _kept(model, action)
    return f"{kept} If the statement names none, give {allow}" if kept else f"Give {allow}"


def _kept(model: "type[Model]", action: str | None) -> str:
    """The fields of *model* that not everybody may use for *action*: PostgreSQL names none."""
    declared = declaration(model)
    columns = () if declared is None else declared.columns
    fixed = ", ".join(name for one in columns if one.change is not None for name in one.fields)
    hidden = ", ".join(name for one in columns if one.view is not None for name in one.fields)
    # An UPDATE reads, too, in its condition; an INSERT reads no hidden field back.
    told = [f"change {fixed}"] if fixed and action in ("change", None) else []
    told += [f"read {hidden}"] if hidden and action != "add" else []
    if not told:
        return ""
    words = " and not everybody may ".join(told)
    return f"By its ColumnPermissions not everybody may {words}: leave such fields out."


def _readable(model: "type[Model]") -> str:
    """What else may be done with a table that session roles may read some columns of."""
    readable = framework_tables().readable.get(model._meta.db_table)
    if readable is None:
        return ""
    fields = model._meta.concrete_fields
    hidden = [field.name for field in fields if field.column not in readable]
    return _COLUMNS.format(sensitive=", ".join(hidden) or "none")


def _model(message: str, running: "type[Model] | None") -> "type[Model] | None":
    """
    The model of the table that a message ends with.

    PostgreSQL says a table's name and not its schema. Of several with that name it is the one
    that the statement is about; else none, rather than a wrong one.
    """
    named: dict[Table, type[Model]] = {}
    for model in apps.get_models(include_auto_created=True):
        table = table_of(model)
        if not model._meta.proxy and message.endswith((f" {table.name}", f'"{table.name}"')):
            named.setdefault(table, model)
    # A name may have spaces and quotes, and end as another does.
    longest = max((len(table.name) for table in named), default=0)
    found = {table: model for table, model in named.items() if len(table.name) == longest}
    if running is not None and table_of(running) in found:
        return found[table_of(running)]
    return next(iter(found.values())) if len(found) == 1 else None
