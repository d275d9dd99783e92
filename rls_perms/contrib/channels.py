"""Let consumers of Channels run each message as the user of their connection."""

import io
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from django.core.handlers.asgi import ASGIRequest

from rls_perms.context import current
from rls_perms.exceptions import ConfigurationError
from rls_perms.middleware import RequestContext

if TYPE_CHECKING:
    from channels.consumer import AsyncConsumer as _Consumer
else:
    _Consumer = object


class Handshake(ASGIRequest):
    """
    What opened the connection, as a request: for TENANT_RESOLVER and CONTEXT_PROCESSORS.

    Its user and session are those of the scope at any moment, so ``channels.auth.login()``
    counts from the next statement on.
    """

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        known = {"path": "/", "headers": [], "query_string": b"", **scope, "method": "GET"}
        super().__init__(known, io.BytesIO())
        self._connection = scope

    @property
    def user(self) -> Any:  # type: ignore[override]
        return self._of_scope("user")

    @property
    def session(self) -> Any:  # type: ignore[override]
        return self._of_scope("session")

    def _of_scope(self, name: str) -> Any:
        try:
            return self._connection[name]
        except KeyError as error:
            raise ConfigurationError(
                f"The scope of this connection has no {name!r}. Wrap the consumers: "
                "AuthMiddlewareStack(URLRouter([...])), from channels.auth."
            ) from error


class ContextConsumerMixin(_Consumer):  # type: ignore[misc]
    """
    Before a consumer, sync or async: each message is handled as ``scope["user"]``.

    Messages of the client and of the channel layer alike; who sent to a group does not count.
    The role is asked of the database for each message that has a statement, so a group that was
    taken away counts from the next message on. The user's tenant is the one that the user had
    when the connection was opened, unless TENANT_RESOLVER says otherwise.
    """

    scope: Any

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        token = current.set(RequestContext(Handshake(self.scope)))
        try:
            await super().dispatch(message)
        finally:
            current.reset(token)
