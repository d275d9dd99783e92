"""Conditions for raw SQL, beside the policies that hold there anyway."""

from collections.abc import Sequence

from rls_perms.exceptions import ConfigurationError
from rls_perms.statements import foreign as text
from rls_perms.statements.render import text as as_text

__all__ = ["current_tenant_value_sql", "safe_tenant_sql"]


def safe_tenant_sql(
    column: str = "tenant_id",
    *,
    table: str | None = None,
    include_admin: bool = True,
    extra_bypass_flags: Sequence[str] | None = None,
) -> str:
    """
    A condition, as text for WHERE: *column* of *table* is the tenant of the context.

    With *include_admin* it holds for every row when the system runs it, as in
    ``admin_context()``. It has no parameters, and a ``%`` in a name is doubled, as ``execute()``
    with parameters needs it. Raises ConfigurationError for *extra_bypass_flags*, since nothing
    that a session can set lets a row through.
    """
    if extra_bypass_flags:
        raise ConfigurationError(
            f"safe_tenant_sql(extra_bypass_flags={extra_bypass_flags!r}): no flag lets rows "
            "through here. Leave it out, and run the query inside of as_system(reason='...')."
        )
    condition = as_text(text.is_tenants(column, table))
    if include_admin:
        condition = f"({condition} OR {text.IS_SYSTEM})"
    return condition.replace("%", "%%")


def current_tenant_value_sql() -> str:
    """The tenant of the context, as an expression for raw SQL; NULL where there is none."""
    return as_text(text.tenant_value())
