"""rls_perms.W008: a large table of guardian's lacks an index for what policies and triggers ask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.checks import Tags
from django.core.checks import Warning as CheckWarning
from django.db import connections

from rls_perms import catalog
from rls_perms.identifiers import shortened
from rls_perms.policies.compile import key_kind
from rls_perms.policies.constraint import declaration, is_ours
from rls_perms.policies.declared import ObjectPermissions
from rls_perms.policies.grant_tables import grant_sources
from rls_perms.statements.grant_views import (
    GrantTable,
    create_index,
    create_key_index,
)
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Table

#: Below that many grants, reading all of them is as fast.
LARGE = 10_000


def check(*, databases: Sequence[str] | None = None, **options: Any) -> Iterator[CheckWarning]:
    """Asked with ``--database``, and by ``migrate``: it reads the catalog."""
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor == "postgresql" and is_ours(connection):
            for wanted in dict.fromkeys(_wanted(connection)):
                rows, known = catalog.indexes(connection, as_text(wanted.table.identifier()))
                columns = wanted.columns
                if rows < LARGE or any({*one[: len(columns)]} == {*columns} for one in known):
                    continue
                yield CheckWarning(
                    f"{wanted.table.name!r} has about {rows:,} grants and no index on "
                    f"({', '.join(columns)}): {wanted.why}.",
                    hint=f"Run: {wanted.sql}",
                    id="rls_perms.W008",
                )


@dataclass(frozen=True, slots=True)
class _Index:
    """An index that something asks for; an expression is its type in parentheses."""

    table: Table
    columns: tuple[str, ...]
    why: str
    sql: str


def _wanted(connection: Any) -> Iterator[_Index]:
    for model in apps.get_models():
        declared = declaration(model)
        if declared is None or not declared.arms.object_grants:
            continue
        removes = any(
            one.remove_grants for one in declared.policies if isinstance(one, ObjectPermissions)
        )
        kind = key_kind(model, connection)
        for source in grant_sources(model, connection).values():
            # The permission says the content type.
            columns = (source.holder, source.permission)
            yield _on_columns(source, columns, "each statement of a user reads all of them")
            if source.content_type is not None and kind != "text":
                yield _of_keys(source, source.content_type, kind)
            if removes:
                yield _on_columns(source, _of_row(source), "deleting a row reads all of them")


def _on_columns(source: GrantTable, columns: tuple[str, ...], why: str) -> _Index:
    name = shortened(f"{source.table.name}_{'_'.join(columns)}_rls")
    return _Index(source.table, columns, why, as_text(create_index(name, source.table, columns)))


def _of_keys(source: GrantTable, content_type: str, kind: str) -> _Index:
    columns = (source.holder, content_type, f"({kind})")
    name = shortened(f"{source.table.name}_{source.holder}_{kind}_rls")
    why = "each statement of a user makes keys of the texts of all that the user is granted"
    return _Index(source.table, columns, why, as_text(create_key_index(name, source, kind)))


def _of_row(source: GrantTable) -> tuple[str, ...]:
    if source.content_type is None:
        return (source.object,)
    return (source.content_type, source.object)


check.tags = (Tags.database,)  # type: ignore[attr-defined]
