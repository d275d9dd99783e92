"""What ColumnPermissions says of a model: which columns have keepers, and who these are."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model

from rls_perms.exceptions import ConfigurationError
from rls_perms.keywords import Command
from rls_perms.policies.arms import COLUMN_COMMANDS
from rls_perms.policies.declared import ColumnPermissions
from rls_perms.targets import Target


def kept_columns(
    model: type[Model], columns: Iterable[ColumnPermissions]
) -> dict[Command, dict[str, tuple[Target, ...]]]:
    """
    The columns of which SELECT, or UPDATE, is kept for some, with those.

    Raises ConfigurationError for what cannot be kept.
    """
    found: dict[Command, dict[str, tuple[Target, ...]]] = {}
    named: set[str] = set()
    for one in columns:
        for name in one.fields:
            column = str(_field(model, name, one).column)
            if column in named:
                raise ConfigurationError(
                    f"ColumnPermissions of {model._meta.label} name {name!r} twice. Say once who "
                    "may read it and who may change it."
                )
            named.add(column)
            for command in COLUMN_COMMANDS:
                targets = getattr(one, command.action)
                if targets is not None:
                    found.setdefault(command, {})[column] = targets
    return found


def _field(model: type[Model], name: str, one: ColumnPermissions) -> Any:
    """The field *name*, if a column of the model's own table can be kept for some."""
    told = f"{one!r} of {model._meta.label}"
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist as error:
        raise ConfigurationError(
            f"{told} names {name!r}, and the model has no such field. Write the name of one."
        ) from error
    if not field.concrete or field.column is None:
        raise ConfigurationError(
            f"{told} names {name!r}, which has no column in the model's table. Leave it out; what "
            "a relation shows is the other model's to declare."
        )
    if field.name != name:
        raise ConfigurationError(
            f"{told} names {name!r}, which is the column of a foreign key. Write {field.name!r}."
        )
    if field not in model._meta.local_concrete_fields:
        raise ConfigurationError(
            f"{told} names {name!r}, whose column is in the table of {field.model._meta.label}. "
            "Declare it there."
        )
    if field in model._meta.pk_fields:
        raise ConfigurationError(
            f"{told} names {name!r}, which is part of the key: every statement finds rows by it. "
            "Leave it out."
        )
    if field.generated:
        raise ConfigurationError(
            f"{told} names {name!r}, a generated field: INSERT reads it back, and nobody writes "
            "it. Keep the fields that it is made of, and leave it out of the model."
        )
    if one.view is not None and getattr(field, "db_returning", False):
        raise ConfigurationError(
            f"{told} names {name!r}, which has a db_default: Django's INSERT reads it back, which "
            "those who may not see it could not. Use default= instead, or leave view out."
        )
    return field
