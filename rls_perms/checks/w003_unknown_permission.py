"""rls_perms.W003: a declaration names a permission that no model has."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.core.checks import Warning as CheckWarning

from rls_perms.policies.constraint import declaration
from rls_perms.targets import Permission


def check(**options: Any) -> Iterator[CheckWarning]:
    """Nobody holds it, so a policy for its holders shows nobody a row."""
    known = {name for model in apps.get_models() for name in _permissions(model)}
    for model in apps.get_models():
        declared = None if model._meta.proxy else declaration(model)
        named = () if declared is None else declared.arms.named
        for target in named:
            if not isinstance(target, Permission) or target.name in known:
                continue
            near = get_close_matches(target.name, sorted(known), n=1)
            meant = f"Did you mean {near[0]!r}? " if near else ""
            yield CheckWarning(
                f"The row security of {model._meta.label} names Permission({target.name!r}), "
                "which no model has: unless something else makes it, nobody holds it.",
                hint=f"{meant}Correct the name, or add it to Meta.permissions of a model. If a "
                "data migration makes it, list 'rls_perms.W003' in SILENCED_SYSTEM_CHECKS.",
                obj=model,
                id="rls_perms.W003",
            )


def _permissions(model: Any) -> Iterator[str]:
    """The permissions that ``migrate`` makes for *model*, as ``has_perm`` takes them."""
    meta = model._meta
    for action in meta.default_permissions:
        yield f"{meta.app_label}.{action}_{meta.model_name}"
    for codename, _ in meta.permissions:
        yield f"{meta.app_label}.{codename}"
