"""
Let Celery's tasks run as whoever sent them.

``app = Celery("project", task_cls="rls_perms.contrib.celery:ContextTask")``
"""

from contextlib import nullcontext
from typing import Any

from celery import Task, current_task
from celery.utils import uuid

from rls_perms.context import Context, current_context
from rls_perms.exceptions import InvalidContext, NoContext
from rls_perms.sealing import seal, unseal
from rls_perms.session import as_context

#: The header of a message that holds the sealed context.
HEADER = "rls_perms_context"

#: Set on a request once its context is entered.
_ENTERED = "_rls_perms_entered"


class ContextTask(Task):  # type: ignore[misc]
    """
    A task that carries the context in which it is sent, and runs in it.

    The context is sealed for this one message: its task and its id. In a canvas each part
    carries that of who sent the whole; a retry keeps its own. A message without a context
    fails with NoContext, one with a context that was tampered with, or taken from another
    message, with InvalidContext, and nothing of the task is run.
    """

    abstract = True

    #: False lets a message without a context run as the bare login, to which protected tables
    #: are closed: for what beat sends, which then says itself who it is (``as_system``).
    context_required = True

    def apply_async(
        self, args: Any = None, kwargs: Any = None, task_id: str | None = None, **options: Any
    ) -> Any:
        task_id = task_id or uuid()
        options["headers"] = self._carrying(options.get("headers"), task_id)
        return super().apply_async(args, kwargs, task_id=task_id, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        request = self.request
        if request.called_directly or getattr(request, _ENTERED, False):
            # A function call like another: in the context that is in force. Celery calls
            # errbacks so, once the task that failed has left its own.
            after = _context_of_current_task() if current_context() is None else None
            with nullcontext() if after is None else as_context(after):
                return super().__call__(*args, **kwargs)
        setattr(request, _ENTERED, True)
        context = self._context_of(request)
        if context is None:
            return self.run(*args, **kwargs)
        with as_context(context):
            # Not super(): outside of a worker that would hide the request of this message.
            return self.run(*args, **kwargs)

    def _carrying(self, headers: Any, task_id: str) -> dict[str, Any]:
        """*headers* with the context that the message with *task_id* is to run in."""
        given = dict(headers or {})
        sealed = given.pop(HEADER, None)
        if sealed is not None and _opened(sealed, self.name, task_id) is not None:
            # A retry, or somebody who sealed it: theirs counts, wherever this is called.
            return {**given, HEADER: sealed}
        context = current_context() or _context_of_current_task()
        if context is None:
            return given
        return {**given, HEADER: context_header(self.name, task_id, context)[HEADER]}

    def _context_of(self, request: Any) -> Context | None:
        sealed = (request.headers or {}).get(HEADER)
        if sealed is not None:
            return unseal(sealed, purpose=_purpose(self.name, request.id))
        if request.is_eager:
            # apply() has no message: who calls it is who runs it.
            context = current_context()
            if context is not None:
                return context
        if not self.context_required or self.name.startswith("celery."):
            return None
        raise NoContext(
            f"The task {self.name!r} came without a context, so it was not run. Send it inside "
            "of as_user(...), by delay() or apply_async(); send_task() takes "
            "headers=context_header(name, task_id). If it is nobody's, as what beat sends, write "
            "@app.task(context_required=False) and enter as_system(reason='...') in it."
        )


def context_header(name: str, task_id: str, context: Context | None = None) -> dict[str, str]:
    """
    Headers with the context in force, or *context*, for ``app.send_task(name, task_id=...)``.

    For whoever sends a task by its name, without its code. Raises NoContext where there is none.
    """
    return {HEADER: seal(context or current_context(), purpose=_purpose(name, task_id))}


def _purpose(name: str, task_id: str) -> str:
    return f"celery task {name} {task_id}"


def _opened(sealed: Any, name: str, task_id: str) -> Context | None:
    try:
        return unseal(sealed, purpose=_purpose(name, task_id))
    except InvalidContext:
        return None


def _context_of_current_task() -> Context | None:
    """
    The context of the message whose task has just ended: Celery sends what follows it now.

    The next link of a chain, the body of a chord, callbacks and errbacks.
    """
    task = current_task._get_current_object() if current_task else None
    request = getattr(task, "request", None)
    sealed = (getattr(request, "headers", None) or {}).get(HEADER)
    if task is None or request is None or sealed is None:
        return None
    return _opened(sealed, task.name, request.id)
