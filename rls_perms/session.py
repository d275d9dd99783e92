"""Enter a context: as a user, in a tenant, as a role, as the system."""

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import replace
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Model

from rls_perms.audit import elevated
from rls_perms.conf import get_settings
from rls_perms.context import Asker, Context, Entered, current
from rls_perms.exceptions import NoContext
from rls_perms.given import complete_settings, context_settings
from rls_perms.memberships import default_tenant, membership_model

P = ParamSpec("P")
T = TypeVar("T")

#: Stands for an argument that was left out, where None means something.
LEFT_OUT: Any = object()


class Entering:
    """
    A context to be entered: ``with``, ``async with`` or a decorator of either kind.

    It can be entered again, also inside itself and by several threads or tasks at once;
    leaving restores what was before, after an error and a cancellation too.
    """

    def __init__(self, make: Callable[[], Context]) -> None:
        self._make = make

    def __enter__(self) -> Context:
        return self._enter(self._make())

    def _enter(self, context: Context) -> Context:
        current.set(Entered(context, previous=current.get(), by=self))
        return context

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A generator may be left while what its caller entered later goes on, or by the
        # garbage collector in another place. So take out what this one entered, wherever it
        # is by now: setting back what was before would end, or bring back, another's.
        inner: Entered | None = None
        source = current.get()
        while isinstance(source, Entered) and source.by is not self:
            inner, source = source, source.previous
        if not isinstance(source, Entered):
            return
        if inner is None:
            current.set(source.previous)
        else:
            inner.previous = source.previous

    async def __aenter__(self) -> Context:
        if membership_model() is None:
            return self.__enter__()
        # Which tenant is a user's only one is in the database, and no event loop waits for that.
        return self._enter(await sync_to_async(self._make)())

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        refuse_what_runs_later(function)
        # One object for each call, since calls may overlap.
        if iscoroutinefunction(function):

            @functools.wraps(function)
            async def entering_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with Entering(self._make):
                    return await function(*args, **kwargs)

            return entering_coroutine  # type: ignore[return-value]

        @functools.wraps(function)
        def entering(*args: P.args, **kwargs: P.kwargs) -> T:
            with Entering(self._make):
                return refuse_unfinished(function, function(*args, **kwargs))

        return entering


def refuse_what_runs_later(function: Any) -> None:
    """Raise TypeError for what a decorator cannot run in a context: it is not done by a call."""
    name = getattr(function, "__qualname__", repr(function))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{name}() is a generator: its caller runs between its steps and "
            "would run in its context. Collect the rows inside of a with statement, then yield "
            "them outside of it."
        )
    if inspect.isclass(function):
        raise TypeError(
            f"{name} is a class: its methods are called later, outside of the context. Decorate "
            "the methods, a class-based view by method_decorator(..., name='dispatch')."
        )
    if not callable(function):
        raise TypeError(
            f"{function!r} cannot be called. Write the decorator below @classmethod or @property, "
            "next to the function."
        )


def refuse_unfinished(function: Any, result: T) -> T:
    """*result* of *function*, unless most of the work is still to be done, after the context."""
    if inspect.iscoroutine(result):
        result.close()
        kind = "a coroutine. Decorate a function that is written with async def"
    elif inspect.isgenerator(result) or inspect.isasyncgen(result):
        kind = "a generator. Collect the rows inside of it and return a list"
    else:
        return result
    raise TypeError(
        f"{getattr(function, '__qualname__', function)}() returned, and what it left to be done "
        f"would not run in the context: {kind}."
    )


def as_user(
    user: Any, *, tenant: Any = LEFT_OUT, settings: Mapping[str, Any] | None = None
) -> Entering:
    """
    Run as *user*, a saved user or ``AnonymousUser``.

    *tenant* is a tenant or its key; None is no tenant. Left out, it is the user's own
    tenant, or the only one of which they are a member. With a tenant to which they do not
    belong, they have the groups that count everywhere and none of a membership. *settings*
    are the values, by name, that policies read by ``Setting``. Raises ValueError for a user
    without a key and InvalidSetting for a value that its Setting does not take.
    """

    def make() -> Context:
        key = user_key(user)
        chosen = default_tenant(user) if tenant is LEFT_OUT else tenant
        asker = Asker.ANONYMOUS if key is None else Asker.USER
        values = context_settings(("as_user(settings=...)", settings))
        return Context(asker=asker, user=key, tenant=tenant_key(chosen), settings=values)

    return Entering(make)


def as_tenant(tenant: Any) -> Entering:
    """
    Go on as whoever it is now, in *tenant*: a tenant, its key, or None for no tenant.

    The settings of the context stay. Raises NoContext where nobody is set.
    """

    def make() -> Context:
        source = current.get()
        if source is None:
            raise NoContext(
                f"as_tenant({tenant!r}) changes the tenant of a context, and there is none. "
                "Enter as_user(user) first, or as_user(user, tenant=...) at once."
            )
        return replace(source.entered().context, tenant=tenant_key(tenant))

    return Entering(make)


def as_role(
    role: str, *, tenant: Any = None, settings: Mapping[str, Any] | None = None
) -> Entering:
    """
    Run as one role of the project, by its name without prefix, as ``"manager"``.

    There is no user then, so policies with ``CurrentUser()`` show nothing. ``"superuser"``
    is every row of *tenant*, and an event of the audit log. *settings* are as for ``as_user``.
    The first statement raises UnknownRole if there is no such role.
    """
    if not isinstance(role, str) or not role:
        raise ValueError(f"as_role({role!r}) takes the name of a role, as in as_role('manager').")
    if role == "system":
        raise ValueError(
            "as_role('system') sees every row of every tenant, and nothing would say why. Write "
            "as_system(reason='...') instead."
        )

    def make() -> Context:
        values = context_settings(("as_role(settings=...)", settings))
        made = Context(asker=Asker.ROLE, role=role, tenant=tenant_key(tenant), settings=values)
        return elevated(made, reason="as_role('superuser')") if role == "superuser" else made

    return Entering(make)


def as_system(*, reason: str, settings: Mapping[str, Any] | None = None) -> Entering:
    """
    Run as the system: every row of every tenant. Written to the log ``rls_perms.audit``.

    *reason* is for whoever reads that log. *settings* are as for ``as_user``; no policy
    binds the system, but functions of the project's own may read them.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError(
            f"as_system(reason={reason!r}) sees every row of every tenant. Say why, "
            "as in as_system(reason='nightly invoices')."
        )

    def make() -> Context:
        values = context_settings(("as_system(settings=...)", settings))
        return elevated(Context(asker=Asker.SYSTEM, settings=values, reason=reason))

    return Entering(make)


def as_context(context: Context) -> Entering:
    """
    Run as *context*: what ``current_context()`` was, here or where it was sent from.

    The role, and whether the user is active, are asked of the database anew. Entering that of
    ``as_system`` is written to the log ``rls_perms.audit`` again, with its reason. Raises
    NoContext for None: where it was taken there was none.
    """
    if context is None:
        raise NoContext(
            "as_context(None): where it was taken there was no context. Enter as_user(user) "
            "there, or here, or as_system(reason='...') if it is nobody's work."
        )
    if not isinstance(context, Context):
        raise TypeError(
            f"as_context({context!r}) takes a Context: current_context(), or Context.from_dict()."
        )

    def make() -> Context:
        made = replace(context, settings=complete_settings("as_context()", context.settings))
        return elevated(made) if made.asker is Asker.SYSTEM else made

    return Entering(make)


def in_context(function: Callable[P, T]) -> Callable[P, T]:
    """
    *function*, as it runs here and now: for a thread, which begins without a context.

    ``executor.submit(in_context(work), ...)``. Each call has a copy of this moment's context
    variables, those of others too, so several threads may call it at once. The user is found
    here, whoever logs in later; that may ask the database, so under an event loop call it by
    ``sync_to_async``. asyncio's tasks, its ``to_thread`` and asgiref's ``sync_to_async`` carry
    the context by themselves.
    """
    refuse_what_runs_later(function)
    if iscoroutinefunction(function):
        raise TypeError(
            f"{getattr(function, '__qualname__', function)}() is a coroutine function: a task "
            "runs in the context in which it is made. Give it to the loop as it is."
        )
    source = current.get()
    # Found here: a request's user is lazy, and after login() another's.
    now = None if source is None else source.entered()
    surrounding = copy_context()
    surrounding.run(current.set, now)

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        # A copy for each call: a Context object cannot be entered by two threads at once.
        return refuse_unfinished(
            function, surrounding.copy().run(functools.partial(function, *args, **kwargs))
        )

    return inside


def user_key(user: Any) -> str | None:
    """The key of *user* as text; None for the anonymous user."""
    # "is True": a class has the attribute, too, and would be anonymous by mistake.
    if getattr(user, "is_anonymous", False) is True:
        return None
    model = get_user_model()
    if not _is_a(user, model):
        raise ValueError(
            f"as_user({user!r}) takes a user ({model._meta.label}) or AnonymousUser(): the key of "
            "anything else would be another user's."
        )
    # A default fills the key before the row is there.
    if user.pk is None or (user._state.adding and model._meta.pk.has_default()):
        raise ValueError(
            f"as_user({user!r}) needs a user that is saved, or AnonymousUser(): the database "
            "finds the role by the user's key."
        )
    return str(user.pk)


def tenant_key(tenant: Any) -> str | None:
    """The key of *tenant*, a tenant or a key, as text; None for no tenant."""
    if tenant is None:
        return None
    label = get_settings().tenant_model
    if isinstance(tenant, Model) and label and not _is_a(tenant, apps.get_model(label)):
        raise ValueError(
            f"{tenant!r} is no tenant ({label}): its key would be another's. Give a tenant, or "
            "its key."
        )
    key = tenant.pk if hasattr(tenant, "pk") else tenant
    if key is None or str(key) == "":
        raise ValueError(f"{tenant!r} has no key. Save the tenant first, or give its key.")
    return str(key)


def _is_a(instance: Any, model: type[Model]) -> bool:
    """Whether *instance*, lazy or not, is a row of *model*; a proxy model's is, too."""
    return isinstance(instance, model._meta.concrete_model or model)
