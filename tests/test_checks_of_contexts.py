"""Checks W040 to W043: code that runs without a context, and denials that strangers read."""

import django
import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.test import override_settings

from rls_perms.checks import (
    w040_no_middleware,
    w041_middleware_too_early,
    w042_tasks_without_context,
    w043_denials_told,
)
from rls_perms.middleware import SetRoleMiddleware

USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "rls_perms.middleware.SetRoleMiddleware"


class Users(AuthenticationMiddleware):
    """A project's own."""


class Roles(SetRoleMiddleware):
    """A project's own."""


def plain(get_response):
    """A middleware that is a function."""
    return get_response


MIDDLEWARES = [
    ([], None),
    ([USERS, OURS], None),
    ([f"{__name__}.plain", f"{__name__}.Users", f"{__name__}.Roles"], None),
    ([OURS], None),
    ([USERS], "rls_perms.W040"),
    ([f"{__name__}.plain"], "rls_perms.W040"),
    ([OURS, USERS], "rls_perms.W041"),
    ([f"{__name__}.Roles", f"{__name__}.plain", f"{__name__}.Users"], "rls_perms.W041"),
]


@pytest.mark.parametrize(("middleware", "expected"), MIDDLEWARES)
def test_w040_and_w041_the_middleware_and_its_place(middleware, expected):
    with override_settings(MIDDLEWARE=middleware):
        found = [*w040_no_middleware.check(), *w041_middleware_too_early.check()]

    assert [one.id for one in found] == ([] if expected is None else [expected])


def test_w040_says_what_happens_and_what_to_do():
    with override_settings(MIDDLEWARE=[USERS]):
        [found] = w040_no_middleware.check()

    assert "each is the bare login, to which protected tables are closed" in found.msg
    assert f"Add '{OURS}' after '{USERS}'" in found.hint


if django.VERSION >= (6, 0):
    from django.tasks.backends.immediate import ImmediateBackend

    class Foreign(ImmediateBackend):
        """A backend of another package, with a queue of its own."""


@pytest.mark.skipif(django.VERSION < (6, 0), reason="Django 5.2 has no django.tasks")
@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("django.tasks.backends.immediate.ImmediateBackend", []),
        ("django.tasks.backends.dummy.DummyBackend", []),
        ("rls_perms.contrib.tasks.ContextImmediateBackend", []),
        (f"{__name__}.Foreign", ["rls_perms.W042"]),
    ],
)
def test_w042_a_backend_that_does_not_carry_the_context(backend, expected):
    with override_settings(TASKS={"mail": {"BACKEND": backend}}):
        found = list(w042_tasks_without_context.check())

    assert [one.id for one in found] == expected
    assert all("TASKS['mail'] (Foreign) does not carry" in one.msg for one in found)


def test_w042_has_nothing_to_say_without_djangos_tasks(monkeypatch):
    monkeypatch.setattr(w042_tasks_without_context, "find_spec", lambda name: None)

    assert list(w042_tasks_without_context.check()) == []


def test_w043_has_nothing_to_say_without_rest_framework():
    assert list(w043_denials_told.check()) == []
