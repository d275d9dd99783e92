"""rls_perms.W009: somebody holds thousands of grants, and nothing is said or set for that."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.checks import Tags
from django.core.checks import Warning as CheckWarning
from django.db import connections

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.keywords import SHOWING
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import declaration, is_ours
from rls_perms.policies.grant_tables import content_type_key, grant_sources
from rls_perms.statements.grant_counts import (
    held,
    permission_keys,
    some_member,
    without_jit,
)
from rls_perms.statements.grant_forms import FEW
from rls_perms.statements.render import text as as_text

#: Of how many users grants are counted: those of whom ANALYZE saw most.
ASKED = 10


def check(*, databases: Sequence[str] | None = None, **options: Any) -> Iterator[CheckWarning]:
    """Asked with ``--database``, and by ``migrate``: it reads the catalog, and a few grants."""
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor == "postgresql" and is_ours(connection):
            yield from _of_database(connection)


def _of_database(connection: Any) -> Iterator[CheckWarning]:
    compiling = catalog.compiling(connection, get_settings().logins_of(connection.alias))
    for model in apps.get_models():
        declared = declaration(model)
        if declared is None or not declared.arms.object_grants:
            continue
        many = declared.arms.many_grants
        if (compiling or not many) and _somebody_holds_many(model, connection):
            yield _jit_is_on(model, compiling) if many else _undeclared(model)


def _undeclared(model: Any) -> CheckWarning:
    return CheckWarning(
        f"Some user holds more than {FEW:,} grants on {model._meta.label}, whose policies read all "
        "of them for each statement.",
        hint="Write ObjectPermissions(many_grants=True) in its RowSecurity, and run "
        "makemigrations; PostgreSQL then chooses for each statement how to compare rows with "
        "grants (docs/performance.md).",
        obj=model,
        id="rls_perms.W009",
    )


def _jit_is_on(model: Any, logins: list[str]) -> CheckWarning:
    return CheckWarning(
        f"Some user holds more than {FEW:,} grants on {model._meta.label}, and PostgreSQL may "
        f"compile the plans of {', '.join(map(repr, logins))} (jit is on), which can take longer "
        "than the statement.",
        hint=f"Run: {' '.join(as_text(without_jit(one)) for one in logins)}",
        obj=model,
        id="rls_perms.W009",
    )


def _somebody_holds_many(model: Any, connection: Any) -> bool:
    sources = grant_sources(model, connection)
    users, groups = sources["user"], sources["group"]
    found: dict[str, None] = {}
    for source in (users, groups):
        # Of one's own grants and those of one's groups, the larger part is half at least.
        for holder in catalog.frequent(
            connection,
            as_text(source.table.identifier()),
            source.holder,
            least=FEW // 2,
            limit=ASKED,
        ):
            for user in [holder] if source is users else _members(groups, holder, connection):
                found[user] = None
    permissions = permission_keys(
        table_of(Permission),
        table_of(ContentType),
        content_type_key(model),
        [get_permission_codename(one.action, model._meta) for one in SHOWING],
    )
    return any(
        _value(held(users, groups, user, permissions, FEW + 1), connection) == [FEW + 1]
        for user in found
    )


def _members(groups: Any, group: str, connection: Any) -> list[str]:
    return _value(some_member(groups, group), connection)


def _value(query: Any, connection: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [value for (value,) in cursor.fetchall()]


check.tags = (Tags.database,)  # type: ignore[attr-defined]
