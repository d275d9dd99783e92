"""``rls_task``: a shared task that runs as whoever sent it."""

from importlib import import_module
from typing import Any

from celery import shared_task

from rls_perms.contrib.django_rls_tenants.refused import refuse

__all__ = ["rls_task"]


def rls_task(*args: Any, **options: Any) -> Any:
    """
    ``shared_task`` whose *base* is ``rls_perms.contrib.celery.ContextTask``, unless it is said.

    The whole context goes along with the message, sealed: user, tenant and settings. A message
    that was sent without one is not run, where django-rls-tenants ran it without a tenant.
    """
    options.setdefault("base", _task())
    return shared_task(*args, **options)


def _task() -> Any:
    return import_module("rls_perms.contrib.celery").ContextTask


def __getattr__(name: str) -> Any:
    return _task() if name == "RLSTask" else refuse("contrib.celery", name)
