"""Let a form say that a group cannot be renamed, before the database refuses it."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ValidationError

from rls_perms.conf import get_settings
from rls_perms.policies.constraint import declaration
from rls_perms.targets import Group


def named_groups() -> frozenset[str]:
    """The names of groups that settings or policies say."""
    declared = filter(None, map(declaration, apps.get_models()))
    targets = {
        one.name for found in declared for one in found.arms.targets if isinstance(one, Group)
    }
    return frozenset(get_settings().group_roles) | targets


def refuse_renaming() -> None:
    """Let ``full_clean()`` of the project's groups refuse a new name for one that is named."""
    user: Any = apps.get_model(settings.AUTH_USER_MODEL)
    try:
        group: Any = user._meta.get_field("groups").remote_field.model
    except FieldDoesNotExist:
        return
    clean = group.clean
    if getattr(clean, "refuses_renaming", False):
        return

    def checked(self: Any) -> None:
        clean(self)
        if self.pk is None or self._state.adding:
            return
        saved = type(self)._base_manager.using(self._state.db).filter(pk=self.pk)
        was = saved.values_list("name", flat=True).first()
        if was is not None and was != self.name and was in named_groups():
            raise ValidationError({"name": refusal(was, self.name)})

    checked.refuses_renaming = True  # type: ignore[attr-defined]
    group.clean = checked


def refusal(was: str, becomes: str) -> str:
    """Why, and the edit to make: as the live triggers say it."""
    return (
        f"The group {was!r} cannot be renamed to {becomes!r}: settings or a policy name it. Write "
        f"{becomes!r} there first (RLS_PERMS['GROUP_ROLES'], Group({becomes!r})), run migrate or "
        "sync_pg_roles, and rename it then."
    )
