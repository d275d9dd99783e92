"""What tests of a project need: in a test database no context means the owner."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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
