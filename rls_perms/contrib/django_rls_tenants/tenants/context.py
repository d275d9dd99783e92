"""Enter a context by the names of django-rls-tenants."""

import functools
import inspect
import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, TypeVar, overload

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.models import AnonymousUser

from rls_perms.conf import get_settings
from rls_perms.contrib.django_rls_tenants.conf import user_param_name
from rls_perms.contrib.django_rls_tenants.tenants.users import as_tenant_user
from rls_perms.exceptions import ConfigurationError, NoContext
from rls_perms.keywords import RoleKind
from rls_perms.session import Entering, as_role, as_system, as_user

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("rls_perms.contrib.django_rls_tenants")

__all__ = [
    "admin_context",
    "async_admin_context",
    "async_tenant_context",
    "tenant_context",
    "with_rls_context",
]


def tenant_context(tenant_id: Any, *, using: str = "default") -> Entering:
    """
    Run as whoever is signed in, nobody in particular, in the tenant *tenant_id* (or its key).

    That is the role *everyone*: what the policies of a model show every signed-in user of the
    tenant, as ``RLSProtectedModel`` does with all rows. A model that asks for a permission, or
    for the user, shows nothing: there is no user to hold it. Whoever ran before counts no
    more; ``as_tenant`` keeps the user, and ``as_user(user, tenant=...)`` says one.

    It is for ``with``, ``async with`` and as a decorator, and holds on every alias of
    ``RLS_PERMS["DATABASES"]``, of which *using* has to be one. Raises NoContext (by its other
    name ``NoTenantContextError``) for None and ConfigurationError for another alias.
    """
    _check_alias(using)
    if tenant_id is None:
        raise NoContext(
            "tenant_context(None) says no tenant. Give the key of one; for the rows of all "
            "tenants write as_system(reason='...'), or admin_context()."
        )
    return as_role(RoleKind.EVERYONE.value, tenant=tenant_id)


def admin_context(*, using: str = "default", reason: str | None = None) -> Entering:
    """
    Run as the system: every row of every tenant, written to the log ``rls_perms.audit``.

    *reason* stands there; left out, it is the place of the call. *using* as for
    ``tenant_context``. In code of your own write ``as_system(reason="...")``.
    """
    _check_alias(using)
    return as_system(reason=reason or f"admin_context() {_place(2)}")


def async_tenant_context(tenant_id: Any, *, using: str = "default") -> Entering:
    """``tenant_context``, which is for ``async with`` as well."""
    return tenant_context(tenant_id, using=using)


def async_admin_context(*, using: str = "default", reason: str | None = None) -> Entering:
    """``admin_context``, which is for ``async with`` as well."""
    _check_alias(using)
    return as_system(reason=reason or f"async_admin_context() {_place(2)}")


@overload
def with_rls_context(func: Callable[P, T], *, user_param: str | None = None) -> Callable[P, T]: ...


@overload
def with_rls_context(
    func: None = None, *, user_param: str | None = None
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


def with_rls_context(func: Any = None, *, user_param: str | None = None) -> Any:
    """
    Run a function, or a coroutine, as the user in its parameter *user_param*.

    Left out, the parameter is ``RLS_TENANTS["USER_PARAM_NAME"]``, by default ``as_user``. The
    user's own permissions count, in the tenant that the user's ``rls_tenant_id`` says;
    ``is_tenant_admin`` is no tenant, for superusers. None runs as nobody, with a warning.

    Raises TypeError for a generator, whose body runs after the call, and for a function that
    returns a coroutine without being one; ValueError for what is no user of the project's
    model; NoContext and ConfigurationError as ``tenant_of``.
    """
    if func is None:
        return functools.partial(with_rls_context, user_param=user_param)
    name = getattr(func, "__qualname__", type(func).__qualname__)
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise TypeError(
            f"@with_rls_context cannot decorate {name}(), which is a generator: its body runs "
            "after the call, when the context has been left. Enter tenant_context() or as_user() "
            "inside of it."
        )
    signature = inspect.signature(func)
    parameter = user_param_name() if user_param is None else user_param
    if parameter not in signature.parameters:
        logger.warning(
            "@with_rls_context: %s() has no parameter %r, so every call runs as nobody. Write "
            "@with_rls_context(user_param='...').",
            name,
            parameter,
        )

    def entering(*args: Any, **kwargs: Any) -> AbstractContextManager[Any]:
        bound = signature.bind_partial(*args, **kwargs)
        bound.apply_defaults()
        user = bound.arguments.get(parameter)
        if user is None:
            logger.warning("@with_rls_context: %s() runs as nobody, without a user.", name)
            return as_user(AnonymousUser(), tenant=None)
        return as_tenant_user(user)

    if iscoroutinefunction(func):

        @functools.wraps(func)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with entering(*args, **kwargs):
                return await func(*args, **kwargs)

        return coroutine

    @functools.wraps(func)
    def function(*args: Any, **kwargs: Any) -> Any:
        with entering(*args, **kwargs):
            return _refuse_coroutine(func(*args, **kwargs), name)

    return function


def _refuse_coroutine(result: Any, name: str) -> Any:
    """A coroutine of a function that is none would run after the context has been left."""
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError(
            f"@with_rls_context: {name}() returned a coroutine and is no coroutine function, so "
            "the coroutine would run as whoever awaits it. Decorate the async def itself, or "
            "enter async_tenant_context() or as_user() inside of it."
        )
    return result


def _check_alias(using: str) -> None:
    known = get_settings().databases
    if using not in known:
        raise ConfigurationError(
            f"using={using!r} is none of RLS_PERMS['DATABASES'] ({', '.join(known)}), so no "
            "context counts there. Add it, or leave using out: a context holds on each of them."
        )


def _place(depth: int) -> str:
    """Where the caller of the calling function is, for the audit log."""
    frame = sys._getframe(depth)
    return f"in {frame.f_globals.get('__name__', '?')}, line {frame.f_lineno}"
