"""Let each request run as the session role of its user."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from rls_perms.conf import get_settings
from rls_perms.context import Asker, Context, Entered, Source, current
from rls_perms.exceptions import ConfigurationError, PermissionDenied
from rls_perms.given import context_settings
from rls_perms.memberships import belongs_to, default_tenant
from rls_perms.resolvers import tell_refused
from rls_perms.session import tenant_key, user_key


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
        answers = (
            (
                f"{path!r} in RLS_PERMS['CONTEXT_PROCESSORS']",
                _answer(path, import_string(path)(self.request)),
            )
            for path in conf.context_processors
        )
        return Context(
            asker=Asker.ANONYMOUS if key is None else Asker.USER,
            user=key,
            tenant=tenant,
            settings=context_settings(*answers),
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
            response = _streaming_as(context, self.get_response(request))
            # Under an event loop nothing may be read here, and the status is sent by itself.
            return response if request.method == "HEAD" else _begun(response)
        finally:
            current.reset(token)

    async def _asynchronous(self, request: HttpRequest) -> HttpResponseBase:
        context = RequestContext(request)
        token = current.set(context)
        try:
            return _streaming_as(context, await self.get_response(request))
        finally:
            current.reset(token)


def places_of(wanted: type) -> list[int]:
    """The places in MIDDLEWARE of *wanted* and of its subclasses."""
    return [
        place
        for place, path in enumerate(settings.MIDDLEWARE)
        if isinstance(found := import_string(path), type) and issubclass(found, wanted)
    ]


def _user_of(request: HttpRequest) -> Any:
    try:
        return request.user
    except AttributeError as error:
        raise ConfigurationError(
            "SetRoleMiddleware found no request.user. Place it after "
            "'django.contrib.auth.middleware.AuthenticationMiddleware' in MIDDLEWARE."
        ) from error


def _answer(path: str, answer: Any) -> Any:
    if answer is None:
        raise ConfigurationError(
            f"{path!r} in RLS_PERMS['CONTEXT_PROCESSORS'] answers None. Return a dict, name to "
            "value, and {} for no value."
        )
    return answer


def _refuse_foreign_tenant(user: Any, tenant: str | None) -> None:
    """A resolver must not put a user into a tenant to which they do not belong."""
    if not belongs_to(user, tenant):
        tell_refused(user, tenant)
        raise PermissionDenied(
            f"RLS_PERMS['TENANT_RESOLVER'] answered tenant {tenant!r}, to which user "
            f"{user.pk!r} does not belong. The request was refused before any query."
        )


def _streaming_as(context: RequestContext, response: HttpResponseBase) -> HttpResponseBase:
    """Make the body of a streaming response, which runs after the view, run as its user."""
    if getattr(response, "streaming", False):
        # What the view gave, not streaming_content: that is a copy which cannot be closed, and
        # whoever collects the body then would be the one as whom it cleans up.
        content = response._iterator  # type: ignore[attr-defined]
        wrap = _async_chunks if response.is_async else _chunks  # type: ignore[attr-defined]
        response.streaming_content = wrap(context, content)  # type: ignore[attr-defined]
        # Ours first: it closes the body as the request's user, and the other finds it closed.
        closers = response._resource_closers  # type: ignore[attr-defined]
        if closers and not response.is_async:  # type: ignore[attr-defined]
            closers.insert(0, closers.pop())
    return response


def _begun(response: HttpResponseBase) -> HttpResponseBase:
    """
    Read the first chunk of a streaming response, so that a denial in it is 403.

    Later is too late: the status is sent with the first chunk.
    """
    if not getattr(response, "streaming", False) or response.is_async:  # type: ignore[attr-defined]
        return response
    try:
        response.streaming_content = _Begun(response.streaming_content)  # type: ignore[attr-defined]
    except BaseException:
        response.close()
        raise
    return response


class _Begun:
    """An iterator whose first chunk is there already."""

    def __init__(self, chunks: Iterator[Any]) -> None:
        self._chunks = chunks
        self._first = list(islice(chunks, 1))

    def __iter__(self) -> "_Begun":
        return self

    def __next__(self) -> Any:
        return self._first.pop() if self._first else next(self._chunks)


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
