"""rls_perms.W042: a backend of Django's tasks does not carry the context to its worker."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.core.checks import Warning as CheckWarning


def check(**options: Any) -> Iterator[CheckWarning]:
    """A worker begins without a context: its tasks are the bare login."""
    if find_spec("django.tasks") is None:
        return
    from django.tasks import task_backends
    from django.tasks.backends.dummy import DummyBackend
    from django.tasks.backends.immediate import ImmediateBackend

    from rls_perms.contrib.tasks import ContextBackendMixin

    for alias in task_backends.settings:
        backend: Any = task_backends[alias]
        # Django's own run a task at once, where it is enqueued, or never.
        is_djangos = type(backend) in (DummyBackend, ImmediateBackend)
        if isinstance(backend, ContextBackendMixin) or is_djangos:
            continue
        name = type(backend).__name__
        yield CheckWarning(
            f"TASKS[{alias!r}] ({name}) does not carry the context in which a task is enqueued, so "
            "the task runs as the bare login, to which protected tables are closed.",
            hint="Make a backend of it: class Backend(ContextBackendMixin, "
            f"{name}), from rls_perms.contrib.tasks. If its tasks enter contexts "
            "themselves, list 'rls_perms.W042' in SILENCED_SYSTEM_CHECKS.",
            id="rls_perms.W042",
        )
