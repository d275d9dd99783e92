"""What tests of a project need: in a test database no context means the owner."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rls_perms.testing.made_up import check_permissions_match, worlds
    from rls_perms.testing.match import assert_permissions_match
    from rls_perms.testing.world import World

__all__ = [
    "World",
    "assert_permissions_match",
    "bare_login",
    "check_permissions_match",
    "without_owner",
    "worlds",
]

#: What is imported when it is first asked for: the database backend imports this module before
#: there are models.
_LATER = {
    "World": "world",
    "assert_permissions_match": "match",
    "check_permissions_match": "made_up",
    "worlds": "made_up",
}

#: Whether no context means the login role, as in production, in a test database too.
bare_login: ContextVar[bool] = ContextVar("rls_perms_bare_login", default=False)


@contextmanager
def without_owner() -> Iterator[None]:
    """
    Let statements without a context run as the bare login, as they do in production.

    In a test database they otherwise run as the owner, so that factories work as ever.
    """
    token = bare_login.set(True)
    try:
        yield
    finally:
        bare_login.reset(token)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
