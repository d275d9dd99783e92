"""Make save() say so when PostgreSQL shows a row but does not let it be changed."""

from functools import cache
from typing import Any

from django.db import connections
from django.db.models import Model, QuerySet

from rls_perms.context import current
from rls_perms.exceptions import PermissionDenied


class LoudQuerySet(QuerySet[Any]):
    """What ``Model.save()`` updates by. ``update()`` goes on filtering silently, as SQL does."""

    def _update(self, *args: Any, **kwargs: Any) -> Any:
        updated = super()._update(*args, **kwargs)  # type: ignore[misc]
        if not updated and current.get() is not None and self.exists():
            connection = connections[self.db]
            raise PermissionDenied(
                f"{self.model._meta.label} was not changed: PostgreSQL shows the row to "
                f"{getattr(connection, 'asking', 'this login')}, but no permission, grant or "
                "policy lets it be changed (UPDATE). Nothing was saved. Grant the permission "
                f"{self.model._meta.app_label}.change_{self.model._meta.model_name}, to the user "
                "or for this object, or look at the policies of the model."
            )
        return updated


@cache
def _loud(known: Any) -> Any:
    if issubclass(known, LoudQuerySet):
        return known
    bases = (LoudQuerySet,) if known is QuerySet else (LoudQuerySet, known)
    return type(f"Loud{known.__name__}", bases, {})


def make_loud(model: type[Model]) -> None:
    """Let ``save()`` of *model* tell of denials, whatever its managers are."""
    written: Any = model
    update = written._do_update
    if getattr(update, "is_loud", False):
        return

    def _do_update(self: Model, base_qs: Any, *args: Any, **kwargs: Any) -> Any:
        # Here and not in the base manager: that may be the project's own, and with
        # select_on_save Django takes a row that it still sees for a row that it changed.
        queryset = base_qs.all()
        known: Any = type(queryset)
        queryset.__class__ = _loud(known)
        return update(self, queryset, *args, **kwargs)

    _do_update.is_loud = True  # type: ignore[attr-defined]
    written._do_update = _do_update
