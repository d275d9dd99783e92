"""The declaration of a table that Django makes for a many-to-many field: its ends' own."""

from dataclasses import replace
from typing import Any

from django.db.models import Exists as DjangoExists
from django.db.models import ForeignKey, Model, OuterRef, Q, QuerySet

from rls_perms.expressions import Exists
from rls_perms.framework import framework_tables
from rls_perms.keywords import Command
from rls_perms.policies.arms import Arms
from rls_perms.policies.declared import Policy
from rls_perms.targets import ANONYMOUS, EVERYONE

TARGETS = [EVERYONE, ANONYMOUS]
ENDS, WRITING = "ends", "owning row"


def ends(model: type[Model]) -> tuple[Any, Any] | None:
    """
    The foreign keys of *model* to the model of the field and to the other one.

    None for a model that Django did not make for a many-to-many field.
    """
    owner: Any = model._meta.auto_created
    if not owner:
        return None
    [field] = [one for one in owner._meta.local_many_to_many if one.remote_field.through is model]
    own: Any = model._meta.get_field(field.m2m_field_name())
    other: Any = model._meta.get_field(field.m2m_reverse_field_name())
    return own, other


def policies(own: Any, other: Any, protected: set[type[Model]]) -> list[Policy]:
    """
    Who sees both ends sees the row; who may update the owning end makes and deletes it.

    *protected* are those of the ends' models that have a declaration. Rows of users and of
    other tables of the framework no session role may update, so it makes none for them.
    """
    visible = Q()
    for end in (own, other):
        if end.related_model in protected:
            visible &= Q(_row(end, Exists))
    found = [Policy(ENDS, command=Command.SELECT, to=TARGETS, using=visible, **_OPEN)]
    if own.related_model._meta.db_table not in framework_tables().names:
        writable = visible
        if own.related_model in protected:
            writable &= Q(_row(own, Updatable))
        commands = [Command.INSERT, Command.DELETE]
        found.append(Policy(WRITING, command=commands, to=TARGETS, using=writable, **_OPEN))
    return found


def of_links(found: Arms) -> Arms:
    """
    *found*, but that who may delete a row is not shown it by that alone.

    The ends show it already; and asking what may be updated is refused to a role that may
    update nothing, which may read all the same. And a superuser in a tenant links what they see
    there: the floor names the tenant of one end only.
    """
    [ends] = [one for one in found.permissive if (one.name, one.command) == (ENDS, Command.SELECT)]
    kept = tuple(
        arm for arm in found.permissive if (arm.name, arm.command) != (WRITING, Command.SELECT)
    )
    return replace(found, permissive=kept, ends=ends)


_OPEN: Any = {"permission_required": False}


def _row(end: "ForeignKey[Any, Any]", exists: type[Exists]) -> Exists:
    """There is the row that *end* points to."""
    target: Any = end.target_field
    condition = Q((target.attname, OuterRef(end.attname)))
    return exists(end.related_model._meta.label, condition)


class _Locked(DjangoExists):
    """PostgreSQL locks only what may be updated, by its policies for UPDATE."""

    template = "EXISTS(%(subquery)s FOR KEY SHARE)"


class Updatable(Exists):
    """There is a row that the asker may update: the lock is that of a foreign key's check."""

    def resolve_expression(self, query: Any = None, *args: Any, **kwargs: Any) -> Any:
        rows: QuerySet[Any] = QuerySet(self.related(query.model))
        return _Locked(rows.filter(self.condition)).resolve_expression(query, *args, **kwargs)
