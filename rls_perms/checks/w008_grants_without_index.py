"""rls_perms.W008: a large table of guardian's lacks an index for what policies and triggers ask."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.checks import Tags
from django.core.checks import Warning as CheckWarning
from django.db import connections

from rls_perms import catalog
from rls_perms.identifiers import shortened
from rls_perms.policies.constraint import declaration, is_ours
from rls_perms.policies.declared import ObjectPermissions
from rls_perms.policies.grant_tables import grant_sources
from rls_perms.statements.grant_views import GrantTable, create_index
from rls_perms.statements.render import text as as_text

#: Below that many grants, reading all of them is as fast.
LARGE = 10_000


def check(*, databases: Sequence[str] | None = None, **options: Any) -> Iterator[CheckWarning]:
    """Asked with ``--database``, and by ``migrate``: it reads the catalog."""
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor == "postgresql" and is_ours(connection):
            wanted = dict.fromkeys(_wanted(connection))
            for table, columns, why in wanted:
                rows, known = catalog.indexes(connection, as_text(table.identifier()))
                if rows < LARGE or any({*one[: len(columns)]} == {*columns} for one in known):
                    continue
                name = shortened(f"{table.name}_{'_'.join(columns)}_rls")
                yield CheckWarning(
                    f"{table.name!r} has about {rows:,} grants and no index on "
                    f"({', '.join(columns)}): {why} reads all of them.",
                    hint=f"Run: {as_text(create_index(name, table, columns))}",
                    id="rls_perms.W008",
                )


def _wanted(connection: Any) -> Iterator[tuple[Any, tuple[str, ...], str]]:
    for model in apps.get_models():
        declared = declaration(model)
        if declared is None or not declared.arms.object_grants:
            continue
        removes = any(
            one.remove_grants for one in declared.policies if isinstance(one, ObjectPermissions)
        )
        for source in grant_sources(model, connection).values():
            # The permission says the content type.
            yield source.table, (source.holder, source.permission), "each statement of a user"
            if removes:
                yield source.table, _of_row(source), "deleting a row"


def _of_row(source: GrantTable) -> tuple[str, ...]:
    if source.content_type is None:
        return (source.object,)
    return (source.content_type, source.object)


check.tags = (Tags.database,)  # type: ignore[attr-defined]
