"""Test utilities of django-rls-tenants, for tests that go on as they are."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.db.models import Model

from rls_perms.context import current
from rls_perms.contrib.django_rls_tenants.tenants.context import admin_context, tenant_context
from rls_perms.exceptions import PermissionDenied
from rls_perms.session import Entering
from rls_perms.statements.protection import FLAGS, POLICY, WHO, count_rows
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Table
from rls_perms.testing import without_owner

P = ParamSpec("P")


def rls_bypass(*, using: str = "default") -> Entering:
    """``admin_context()``. In a test database, no context at all is the owner, who has all."""
    return admin_context(using=using, reason="rls_bypass() in a test")


def rls_as_tenant(tenant_id: Any, *, using: str = "default") -> Entering:
    """``tenant_context(tenant_id)``."""
    return tenant_context(tenant_id, using=using)


def async_rls_bypass(*, using: str = "default") -> Entering:
    """``rls_bypass``, which is for ``async with`` as well."""
    return rls_bypass(using=using)


def async_rls_as_tenant(tenant_id: Any, *, using: str = "default") -> Entering:
    """``rls_as_tenant``, which is for ``async with`` as well."""
    return rls_as_tenant(tenant_id, using=using)


def assert_rls_enforced(*, using: str = "default") -> None:
    """
    Assert that policies bind whoever runs statements now.

    They bind neither a superuser, nor a role with BYPASSRLS, nor the owner, as whom a test
    database runs what has no context: ask inside of ``rls_as_tenant`` or ``as_user``.
    """
    role, is_superuser, bypasses, owner = _row(WHO, using=using)
    _claim(not is_superuser, f"{role!r} is a superuser of PostgreSQL, whom no policy binds.")
    _claim(not bypasses, f"{role!r} has BYPASSRLS: no policy binds it.")
    _claim(
        not owner,
        f"{role!r} owns protected tables, and policies let their owner through, as a test needs "
        "it for its fixtures. Ask inside of rls_as_tenant(...) or as_user(...).",
    )


def assert_rls_enabled(table_name: str, *, using: str = "default") -> None:
    """Assert that the table has row security, forced on its owner too."""
    found = _row(FLAGS, _named(table_name), using=using)
    _claim(found is not None, f"There is no table {table_name!r}.")
    _claim(found[0], f"Row security is not enabled on {table_name!r}.")
    _claim(found[1], f"Row security is not forced on {table_name!r}.")


def assert_rls_policy_exists(
    table_name: str, policy_name: str | None = None, *, using: str = "default"
) -> None:
    """
    Assert that the table has the policy *policy_name*, or some policy of rls_perms.

    Names of policies are other ones here; ``rls_show app.Model`` tells them.
    """
    found = _row(POLICY, _named(table_name), policy_name, policy_name, using=using)
    wanted = "a policy of rls_perms" if policy_name is None else f"the policy {policy_name!r}"
    _claim(
        found,
        f"The table {table_name!r} does not have {wanted}. Names are other ones than "
        "django-rls-tenants gave: leave the name out, or see rls_show.",
    )


def assert_rls_blocks_without_context(model_class: type[Model], *, using: str = "default") -> None:
    """
    Assert that the bare login, without a context, reads no row of *model_class*.

    It is refused, as in production, or at least shown none. The table has to have a row.
    """
    count = as_text(count_rows(Table.of(model_class._meta.db_table)))
    with admin_context(using=using, reason="assert_rls_blocks_without_context() counts rows"):
        (rows,) = _row(count, using=using)
    _claim(rows, f"{model_class._meta.label} has no row, so nothing could be shown. Make one.")
    try:
        with _nobody(), transaction.atomic(using=using):
            (shown,) = _row(count, using=using)
    except PermissionDenied:
        return
    _claim(
        not shown,
        f"{shown} rows of {model_class._meta.label} are shown without a context. Run "
        "sync_pg_roles --check, and rls_show.",
    )


def _claim(holds: Any, says: str) -> None:
    # No assert statement, which python -O leaves out.
    if not holds:
        raise AssertionError(says)


@contextmanager
def _nobody() -> Iterator[None]:
    """No context, whatever is around it, and not the owner either."""
    token = current.set(None)
    try:
        with without_owner():
            yield
    finally:
        current.reset(token)


def _named(table: str) -> str:
    return as_text(Table.of(table).identifier())


def _row(statement: str, *parameters: Any, using: str) -> Any:
    with connections[using].cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchone()


def _asynchronous(function: Callable[P, None]) -> Callable[P, Coroutine[Any, Any, None]]:
    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> None:
        await sync_to_async(function)(*args, **kwargs)

    return run


aassert_rls_enforced = _asynchronous(assert_rls_enforced)
aassert_rls_enabled = _asynchronous(assert_rls_enabled)
aassert_rls_policy_exists = _asynchronous(assert_rls_policy_exists)
aassert_rls_blocks_without_context = _asynchronous(assert_rls_blocks_without_context)
