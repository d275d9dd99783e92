"""System checks: one rule a file, found by its name, never registered by hand."""

from collections.abc import Callable, Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

Check = Callable[..., Iterable[Any]]


def all_checks() -> list[Check]:
    """The function ``check`` of each module here, in the order of their ids."""
    names = sorted(module.name for module in iter_modules(__path__))
    return [import_module(f"{__name__}.{name}").check for name in names]
