"""Make Django say so when PostgreSQL shows a row but does not let it be changed or deleted."""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import iscoroutinefunction
from django.db import connections
from django.db.models import Model, QuerySet

from rls_perms.context import current
from rls_perms.denial import Asking, passed_over

P = ParamSpec("P")
T = TypeVar("T")

#: Whether rows that are shown, and left out of an UPDATE or a DELETE, are a denial.
are_loud: ContextVar[bool] = ContextVar("rls_perms_loud_denials", default=False)


class loud_denials:  # noqa: N801 - written as a function, like as_user()
    """
    Raise PermissionDenied if ``update()`` or ``delete()`` leaves out a row that is shown.

    A context manager and a decorator, sync and async. Outside of it a queryset changes the
    rows that may be changed and passes over the others, as PostgreSQL does. Inside, each
    statement changes all rows that it names or none; it costs one more query where their
    number is not known beforehand. Raw SQL goes on filtering.
    """

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(are_loud.set(True))

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        are_loud.reset(self._tokens.pop())

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__qualname__}() is a generator: its caller runs between its steps and "
                "would be loud, too. Use a with statement inside of it."
            )
        if iscoroutinefunction(function):

            @functools.wraps(function)
            async def loud_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
                with loud_denials():
                    return await function(*args, **kwargs)

            return loud_coroutine  # type: ignore[return-value]

        @functools.wraps(function)
        def loud(*args: P.args, **kwargs: P.kwargs) -> T:
            with loud_denials():
                return function(*args, **kwargs)

        return loud


class LoudQuerySet(QuerySet[Any]):
    """What ``Model.save()`` updates by. ``update()`` goes on filtering silently, as SQL does."""

    def _update(self, *args: Any, **kwargs: Any) -> Any:
        updated = super()._update(*args, **kwargs)  # type: ignore[misc]
        if not updated and current.get() is not None:
            keys = list(self.values_list("pk", flat=True))
            if keys:
                asking = getattr(connections[self.db], "asking", Asking("this login"))
                raise passed_over(self.model, "change", keys, asking)
        return updated


@functools.cache
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


def make_delete_loud(model: type[Model]) -> None:
    """
    Let ``delete()`` of an instance of *model* tell of denials, those of what goes with it too.

    Any model: what hangs on a row of an open one may be protected.
    """
    written: Any = model
    delete = written.delete
    if getattr(delete, "is_loud", False):
        return

    @functools.wraps(delete)  # with alters_data, which templates ask for
    def loud_delete(self: Model, *args: Any, **kwargs: Any) -> Any:
        with loud_denials():
            return delete(self, *args, **kwargs)

    loud_delete.is_loud = True  # type: ignore[attr-defined]
    written.delete = loud_delete
