"""
Let tasks of Django's own framework (``django.tasks``, Django 6.0) run as whoever enqueued them.

``TASKS = {"default": {"BACKEND": "rls_perms.contrib.tasks.ContextImmediateBackend"}}``; for
another backend, ``class Backend(ContextBackendMixin, TheirBackend)``.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

try:
    from django.tasks.backends.immediate import ImmediateBackend
    from django.tasks.base import Task
    from django.tasks.exceptions import InvalidTask
    from django.utils.json import normalize_json
except ImportError as error:
    raise ImportError(
        "rls_perms.contrib.tasks needs Django 6.0 or later: before that there is no django.tasks. "
        "Use rls_perms.contrib.celery, or seal() and unseal() with the queue that you have."
    ) from error

from rls_perms.context import current_context
from rls_perms.exceptions import NoContext
from rls_perms.sealing import seal, unseal
from rls_perms.session import as_context

if TYPE_CHECKING:
    from django.tasks.backends.base import BaseTaskBackend as _Backend

    _Task = Task[..., Any]
else:
    _Backend = object
    _Task = Task

#: The keyword argument that holds the sealed context in the queue; the function never sees it.
KEYWORD = "rls_perms_context"


class ContextTask(_Task):
    """What ``@task`` makes with one of these backends: its ``call`` is in the context."""

    __slots__ = ()

    def call(self, *args: Any, **kwargs: Any) -> Any:
        with self._context_of(args, kwargs):
            return super().call(*args, **kwargs)

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        with self._context_of(args, kwargs):
            return await super().acall(*args, **kwargs)

    @contextmanager
    def _context_of(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[None]:
        """Enter the context that is among *kwargs*, and take it out of them."""
        sealed = kwargs.pop(KEYWORD, None)
        if sealed is None:
            if current_context() is None:
                raise NoContext(
                    f"The task {self.module_path} came without a context, so it was not run. "
                    "Enqueue it on a backend with ContextBackendMixin, inside of as_user(...) or "
                    "as_system(reason='...')."
                )
            # Called as a function: in the context that is in force.
            yield
            return
        own = args[1:] if self.takes_context else args
        with as_context(unseal(sealed, purpose=purpose(self, own, kwargs))):
            yield


class ContextBackendMixin(_Backend):
    """
    Before a task backend: tasks carry the context in which they are enqueued.

    It is a keyword argument in the queue, sealed for this function with these arguments, so
    whoever can write to the queue can at most have the same done again. Enqueueing without a
    context raises NoContext.
    """

    task_class = ContextTask

    def validate_task(self, task: _Task) -> None:
        super().validate_task(task)
        if not isinstance(task, ContextTask):
            raise InvalidTask(
                f"{task.module_path} was made for a backend that carries no context. Name this "
                f"one where it is made: @task(backend={task.backend!r})."
            )

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        if KEYWORD in kwargs:
            raise TypeError(f"{KEYWORD!r} is the argument in which the context goes along.")
        sealed = seal(current_context(), purpose=purpose(task, args, kwargs))
        return super().enqueue(task, args, {**kwargs, KEYWORD: sealed})


class ContextImmediateBackend(ContextBackendMixin, ImmediateBackend):
    """Django's ``ImmediateBackend``, in the context and with the refusals of a queue."""


def purpose(task: _Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """What a context is sealed for: one function and its arguments, as a queue keeps them."""
    values = json.dumps([normalize_json(list(args)), normalize_json(dict(kwargs))], sort_keys=True)
    return f"django task {task.module_path} {hashlib.sha256(values.encode()).hexdigest()}"
