"""Refuse a policy that would make what another model hides readable."""

from collections.abc import Collection, Iterable, Mapping

from django.db.models import Model

from rls_perms.exceptions import ConfigurationError
from rls_perms.keywords import Command
from rls_perms.policies.columns import kept_columns
from rls_perms.policies.constraint import declaration


def refuse_hidden(
    model: type[Model],
    read: Mapping[str, Collection[str]],
    models: Iterable[type[Model]],
) -> None:
    """
    Raise ConfigurationError if a policy of *model* reads columns that one of *models* hides.

    Whoever such a policy is for is given SELECT on what it reads, table by table.
    """
    for other in models:
        declared = declaration(other)
        if declared is None or not declared.columns or other._meta.db_table not in read:
            continue
        kept = kept_columns(other, declared.columns).get(Command.SELECT, {})
        hidden = sorted(set(read[other._meta.db_table]) & kept.keys())
        if hidden:
            raise ConfigurationError(
                f"A policy of {model._meta.label} reads {hidden} of {other._meta.label}, which its "
                "ColumnPermissions keep for some: all whom the policy is for could then read them "
                "by SQL. Write trusted=True, leave that condition out, or let everybody view the "
                "field."
            )
