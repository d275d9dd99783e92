"""Users, groups, permissions, grants and rows that Hypothesis makes up for a project's models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction
from django.db.models import Model
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from rls_perms.testing.askers import as_owner


@dataclass(frozen=True, slots=True)
class Ref:
    """What was made before, by its place."""

    place: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row to be made: its model's label, its values, and what many-to-many fields have."""

    model: str
    values: Mapping[str, Any]
    many: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """An object permission, of a user or a group, on a row or on a text that is no key."""

    permission: str
    holder: Ref
    row: Ref | None
    junk: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """
    Tenants, groups, users and rows, in the order in which they can be made, and grants.

    It is a description: ``make()`` writes it.
    """

    rows: tuple[Row, ...]
    #: Place of a group or user in *rows* -> the permissions that are held directly.
    permissions: tuple[tuple[int, tuple[str, ...]], ...]
    grants: tuple[Grant, ...]
    #: Values for ``Setting``, as ``as_user(settings=...)`` takes them.
    settings: tuple[Mapping[str, Any] | None, ...] = (None,)

    def make(self, using: str = DEFAULT_DB_ALIAS) -> list[Model | None]:
        """
        Write it as the owner, and return what was made, place by place.

        None stands where a constraint of the database took no such row, or what it points to.
        """
        with as_owner():
            made: list[Model | None] = []
            for row in self.rows:
                made.append(_made(row, made, using))
            for place, names in self.permissions:
                _hold(made[place], names, using)
            for grant in self.grants:
                _grant(grant, made, using)
            return made


def _made(row: Row, made: Sequence[Model | None], using: str) -> Model | None:
    model: Any = apps.get_model(row.model)
    values = {name: _value(one, made) for name, one in row.values.items()}
    if any(isinstance(row.values[name], Ref) and values[name] is None for name in values):
        return None
    instance: Model = model(**values)
    try:
        with transaction.atomic(using=using):
            instance.save(using=using, force_insert=True)
            for name, refs in row.many.items():
                others = [one for ref in refs if (one := made[ref.place]) is not None]
                getattr(instance, name).set(others)
    except IntegrityError:
        return None
    return instance


def _value(value: Any, made: Sequence[Model | None]) -> Any:
    return made[value.place] if isinstance(value, Ref) else value


def _hold(holder: Any, names: Iterable[str], using: str) -> None:
    if holder is None:
        return
    held = [one for name in names if (one := _permission(name, using)) is not None]
    is_user = isinstance(holder, get_user_model())
    manager = holder.user_permissions if is_user else holder.permissions
    manager.add(*held)


def _permission(name: str, using: str) -> Permission | None:
    app_label, _, codename = name.partition(".")
    found = Permission.objects.using(using).filter(
        content_type__app_label=app_label, codename=codename
    )
    return found.first()


def _grant(grant: Grant, made: Sequence[Model | None], using: str) -> None:
    holder: Any = made[grant.holder.place]
    row = None if grant.row is None else made[grant.row.place]
    permission = _permission(grant.permission, using)
    if holder is None or permission is None or (row is None and not grant.junk):
        return
    group = not isinstance(holder, get_user_model())
    target: Any = type(row) if row is not None else permission.content_type.model_class()
    model: Any = (get_group_obj_perms_model if group else get_user_obj_perms_model)(target)
    values: dict[str, Any] = {"group" if group else "user": holder, "permission": permission}
    if not model.objects.is_generic():
        if row is None:
            return
        values["content_object"] = row
    else:
        values["content_type"] = permission.content_type
        values["object_pk"] = grant.junk if row is None else str(row.pk)
    # Not create(), which looks for the row of a key that is none.
    model.objects.using(using).bulk_create([model(**values)], ignore_conflicts=True)
