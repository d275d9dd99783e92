"""Marker for pytest: ``rls_perms_login`` runs a test without the owner's rights."""

from collections.abc import Iterator

import pytest

from rls_perms.testing import without_owner

MARKER = "rls_perms_login"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}: without a context, statements run as the login role and not as the owner",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """The test itself only: what its fixtures make and clean up, the owner does as ever."""
    if item.get_closest_marker(MARKER) is None:
        return (yield)
    testcase = getattr(item, "_testcase", None)
    if isinstance(item, pytest.Function) and testcase is not None:
        # setUp, and Django's flush after a TransactionTestCase, are part of such a call.
        item.obj = without_owner()(item.obj)
        # pytest takes the method from the item, pytest-django from the instance.
        setattr(testcase, item.name, item.obj)
        return (yield)
    with without_owner():
        return (yield)
