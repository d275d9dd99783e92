"""Name the field where the role of the context may not read it, or may not change it."""

from collections.abc import Sequence
from functools import cache, wraps
from inspect import getattr_static
from typing import Any

from django.db import connections, router
from django.db.models import BooleanField, F, Func, Model, TextField, Value
from django.db.models.query_utils import DeferredAttribute

from rls_perms.audit import Cause
from rls_perms.context import ClosedColumns
from rls_perms.denial import Asking, asking_on, tell
from rls_perms.exceptions import PermissionDenied
from rls_perms.policies.constraint import declaration
from rls_perms.statements.columns import BYTES, SAME

#: What the types of columns begin with whose values are texts.
TEXTS = ("varchar", "char", "text", "citext")


def guard_fields(model: type[Model]) -> None:
    """Let reading and saving the fields of ColumnPermissions of *model* tell of denials."""
    declared = declaration(model)
    if declared is None or not declared.columns:
        return
    for one in declared.columns:
        for name in one.fields if one.view is not None else ():
            _guard_reading(model, name)
    _guard_saving(model)


# Reading


class GuardedAttribute(DeferredAttribute):
    """A field that a query left out since the role may not read it: says so, and asks nothing."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is not None and self.field.attname not in instance.__dict__:
            alias = router.db_for_read(type(instance), instance=instance)
            if _key(self.field) in _closed(alias).unreadable:
                _tell(self.field, "view", alias)
                raise PermissionDenied(
                    f"{_label(self.field)} was not read: ColumnPermissions keep it from "
                    f"{_asking(alias)}, who may see the row. Leave the field out, or name a group "
                    "of the user's in its view=[...]."
                )
        return super().__get__(instance, cls)


def _guard_reading(model: type[Model], name: str) -> None:
    field: Any = model._meta.get_field(name)
    # A model may have something else in its place, which loads nothing by itself.
    attribute = getattr_static(model, field.attname, None)
    if isinstance(attribute, DeferredAttribute):
        known: Any = type(attribute)
        attribute.__class__ = _guarded(known)


@cache
def _guarded(known: Any) -> Any:
    if issubclass(known, GuardedAttribute):
        return known
    bases = (GuardedAttribute,) if known is DeferredAttribute else (GuardedAttribute, known)
    return type(f"Guarded{known.__name__}", bases, {})


# Saving


def _guard_saving(model: type[Model]) -> None:
    """
    Let ``save()`` leave out what the role may not change, if it is not to be changed.

    Django writes every field that is loaded, and PostgreSQL refuses to write even the same
    value into a column that the role may not change.
    """
    written: Any = model
    update = written._do_update
    if getattr(update, "is_guarded", False):
        return

    @wraps(update)
    def _do_update(
        self: Model, base_qs: Any, using: str, pk_val: Any, values: Any, *args: Any, **kwargs: Any
    ) -> Any:
        unchangeable = _unchangeable(base_qs.model, using)
        closed = [(field, value) for field, _, value in values if _key(field) in unchangeable]
        if closed:
            found = _refuse_changes(base_qs.filter(pk=pk_val), using, closed)
            left = {field for field, _ in closed}
            values = [one for one in values if one[0] not in left]
            if not values:
                # Nothing is to be changed; a row that is not shown does not exist.
                return [()] if found else []
        return update(self, base_qs, using, pk_val, values, *args, **kwargs)

    _do_update.is_guarded = True  # type: ignore[attr-defined]
    written._do_update = _do_update


def _unchangeable(model: type[Model], alias: str) -> frozenset[tuple[str, str]]:
    declared = declaration(model)
    if declared is None or all(one.change is None for one in declared.columns):
        return frozenset()
    return _closed(alias).unchangeable


def _refuse_changes(row: Any, alias: str, closed: Sequence[tuple[Any, Any]]) -> bool:
    """
    Raise PermissionDenied if *row* would change; whether it is shown.

    PostgreSQL compares: Python may take values for equal that a column tells apart.
    """
    unreadable = _closed(alias).unreadable
    for field, _ in closed:
        if _key(field) in unreadable:
            raise _may_not_change(
                field, alias, "nor read it, so that nobody can tell whether it would change"
            )
    same = [_same(field, value, alias) for field, value in closed]
    rows = list(row.order_by().values_list(*same))
    for answers in rows:
        for (field, _), is_same in zip(closed, answers, strict=True):
            if not is_same:
                raise _may_not_change(field, alias, "and another value is to be saved")
    return bool(rows)


def _tell(field: Any, action: str, alias: str) -> None:
    tell(Cause.COLUMN, _asking(alias), model=field.model, action=action)


def _may_not_change(field: Any, alias: str, why: str) -> PermissionDenied:
    _tell(field, "change", alias)
    return PermissionDenied(
        f"{_label(field)} was not changed: ColumnPermissions keep it from {_asking(alias)}, who "
        f"may not change it, {why}. Nothing was saved. Leave the field out, as with "
        "save(update_fields=[...]), or name a group of the user's in its change=[...]."
    )


class _Same(Func):
    """Whether two values are the same, as they would be written."""

    template = "(%(expressions)s)"
    arg_joiner = SAME
    output_field = BooleanField()

    def resolve_expression(
        self,
        query: Any = None,
        allow_joins: bool = True,
        reuse: Any = None,
        summarize: bool = False,
        for_save: bool = False,
    ) -> Any:
        return super().resolve_expression(query, allow_joins, reuse, summarize, True)


class _Bytes(Func):
    template = BYTES
    output_field = TextField()


def _same(field: Any, value: Any, alias: str) -> _Same:
    stored: Any = F(field.attname)
    wanted = value if hasattr(value, "resolve_expression") else Value(value, output_field=field)
    kind = field.rel_db_type(connections[alias]) or ""
    if kind.startswith(TEXTS):
        stored, wanted = _Bytes(stored), _Bytes(wanted)
    return _Same(stored, wanted)


# Both


def _closed(alias: str) -> ClosedColumns:
    connection: Any = connections[alias]
    # An alias that is not under our care may have an engine that knows no roles.
    ask = getattr(connection, "closed_columns", None)
    return ClosedColumns() if ask is None else ask()


def _asking(alias: str) -> Asking:
    return asking_on(connections[alias])


def _key(field: Any) -> tuple[str, str]:
    return field.model._meta.db_table, field.column


def _label(field: Any) -> str:
    return f"{field.model._meta.label}.{field.name}"
