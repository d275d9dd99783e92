"""Let each request run as the session role of its user."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from rls_perms.conf import get_settings
from rls_perms.context import Asker, Context, Entered, Source, current
from rls_perms.exceptions import ConfigurationError, PermissionDenied
from rls_perms.session import default_tenant, tenant_field, tenant_key, user_key

#: What a context sets itself.
OWN_SETTINGS = ("user_id", "tenant_id")


class RequestContext:
    """
    The context of a request, found before its first statement that needs one.

    A view without queries so reads no session and varies on no cookie. A user who logs in
    or out in the middle counts from the next statement on.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self._user: Any = None
        self._entered: Entered | None = None

    @property
    def found(self) -> Entered | None:
        return self._entered

    def entered(self) -> Entered:
        user = _user_of(self.request)
        if self._entered is None or user is not self._user:
            # Finding out runs without a context, as the login: it reads sessions and users.
            token = current.set(None)
            try:
                self._entered = Entered(self._context(user))
            finally:
                current.reset(token)
            self._user = user
        return self._entered

    def _context(self, user: Any) -> Context:
        conf = get_settings()
        key = user_key(user)
        if conf.tenant_resolver is None:
            tenant = tenant_key(default_tenant(user))
        else:
            tenant = tenant_key(import_string(conf.tenant_resolver)(self.request))
            _refuse_foreign_tenant(user, tenant)
        values: dict[str, str] = {}
        for path in conf.context_processors:
            for name, value in import_string(path)(self.request).items():
                if name in OWN_SETTINGS:
                    raise ConfigurationError(
                        f"{path!r} in RLS_PERMS['CONTEXT_PROCESSORS'] answers {name!r}, which says "
                        "who asks and is the library's own. Give the value another name."
                    )
                values[f"{conf.guc_prefix}.{name}"] = "" if value is None else str(value)
        return Context(
            asker=Asker.ANONYMOUS if key is None else Asker.USER,
            user=key,
            tenant=tenant,
            settings=tuple(sorted(values.items())),
        )


class SetRoleMiddleware:
    """
    Run the view, its template and its stream as the request's user.

    Place it after ``AuthenticationMiddleware``.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._asynchronous(request)
        context = RequestContext(request)
        token = current.set(context)
        try:
            return _streaming_as(context, self.get_response(request))
        finally:
            current.reset(token)

    async def _asynchronous(self, request: HttpRequest) -> HttpResponseBase:
        context = RequestContext(request)
        token = current.set(context)
        try:
            return _streaming_as(context, await self.get_response(request))
        finally:
            current.reset(token)


def _user_of(request: HttpRequest) -> Any:
    try:
        return request.user
    except AttributeError as error:
        raise ConfigurationError(
            "SetRoleMiddleware found no request.user. Place it after "
            "'django.contrib.auth.middleware.AuthenticationMiddleware' in MIDDLEWARE."
        ) from error


def _refuse_foreign_tenant(user: Any, tenant: str | None) -> None:
    """A resolver must not put a user into a tenant that the user model says is not theirs."""
    field = tenant_field()
    if tenant is None or field is None or getattr(user, "is_superuser", False):
        return
    if getattr(user, "is_anonymous", False):
        return
    own = tenant_key(getattr(user, field.attname))
    if own != tenant:
        raise PermissionDenied(
            f"RLS_PERMS['TENANT_RESOLVER'] answered tenant {tenant!r}, to which user "
            f"{user.pk!r} does not belong. The request was refused before any query."
        )


def _streaming_as(context: RequestContext, response: HttpResponseBase) -> HttpResponseBase:
    """Make the body of a streaming response, which runs after the view, run as its user."""
    if getattr(response, "streaming", False):
        content = response.streaming_content  # type: ignore[attr-defined]
        wrap = _async_chunks if response.is_async else _chunks  # type: ignore[attr-defined]
        response.streaming_content = wrap(context, content)  # type: ignore[attr-defined]
        # Ours first: it closes the body as the request's user, and the other finds it closed.
        closers = response._resource_closers  # type: ignore[attr-defined]
        if closers and not response.is_async:  # type: ignore[attr-defined]
            closers.insert(0, closers.pop())
    return response


class _Body:
    """The context of a body: its own between two chunks, too, when it enters another."""

    def __init__(self, context: RequestContext) -> None:
        self._inside: Source | None = context

    @contextmanager
    def going_on(self) -> Iterator[None]:
        outside = current.get()
        current.set(self._inside)
        try:
            yield
        finally:
            self._inside = current.get()
            current.set(outside)


def _chunks(context: RequestContext, content: Iterator[Any]) -> Iterator[Any]:
    body, done = _Body(context), object()
    with body.going_on():
        iterator = iter(content)
    try:
        while True:
            with body.going_on():
                chunk = next(iterator, done)
            if chunk is done:
                return
            yield chunk
    finally:
        with body.going_on():
            if hasattr(iterator, "close"):
                iterator.close()


async def _async_chunks(context: RequestContext, content: AsyncIterator[Any]) -> AsyncIterator[Any]:
    body, done = _Body(context), object()
    with body.going_on():
        iterator = aiter(content)
    try:
        while True:
            with body.going_on():
                chunk = await anext(iterator, done)
            if chunk is done:
                return
            yield chunk
    finally:
        with body.going_on():
            if hasattr(iterator, "aclose"):
                await iterator.aclose()
