"""Which values of the context declarations ask for, and as fields of which type."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.db.models import Field, Model

from rls_perms.expressions import field_text, same_field, settings_in
from rls_perms.policies.constraint import declaration


@dataclass(frozen=True, slots=True)
class Asked:
    """A value that some declaration reads by ``Setting``."""

    name: str
    #: Each field that is given for it, with the models that do; one, unless they disagree.
    fields: "tuple[tuple[Field[Any, Any], tuple[type[Model], ...]], ...]"

    def __str__(self) -> str:
        return "; ".join(
            f"{', '.join(model._meta.label for model in models)} {field_text(field)}"
            for field, models in self.fields
        )


def asked_by(models: Iterable[type[Model]]) -> dict[str, Asked]:
    """The values that declarations of *models* ask for, by name."""
    found: dict[str, list[tuple[Field[Any, Any], list[type[Model]]]]] = {}
    for model in models:
        one = None if model._meta.proxy else declaration(model)
        if one is None:
            continue
        # Of a policy of the project's own class, what it tells and what it keeps.
        kept = [(getattr(p, "using", None), getattr(p, "check", None)) for p in one.policies]
        for setting in settings_in((one, kept)):
            fields = found.setdefault(setting.name, [])
            for field, naming in fields:
                if same_field(field, setting.output_field):
                    if model not in naming:
                        naming.append(model)
                    break
            else:
                fields.append((setting.output_field, [model]))
    return {
        name: Asked(name, tuple((field, tuple(naming)) for field, naming in fields))
        for name, fields in sorted(found.items())
    }


@cache
def asked() -> dict[str, Asked]:
    """The values that this project's declarations ask for; read once the apps are loaded."""
    apps.check_models_ready()
    return asked_by(apps.get_models())


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "INSTALLED_APPS":
        asked.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rls_perms.asked")
