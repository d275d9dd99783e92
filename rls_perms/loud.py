"""Make save() say so when PostgreSQL shows a row but does not let it be changed."""

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
                "policy lets it be changed. Nothing was saved."
            )
        return updated


def make_loud(model: type[Model]) -> None:
    """Let the base manager of *model*, which save() writes by, tell of denials."""
    manager = model._base_manager
    known = manager._queryset_class  # type: ignore[attr-defined]
    if not issubclass(known, LoudQuerySet):
        bases = (LoudQuerySet,) if known is QuerySet else (LoudQuerySet, known)
        manager._queryset_class = type(f"Loud{known.__name__}", bases, {})  # type: ignore[attr-defined]
