"""Find the grants of guardian that count for nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rls_perms import catalog
from rls_perms.statements.render import text as as_text
from rls_perms.sync.tables import granting_models

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, slots=True)
class Orphans:
    """Grants on one model, in one table, that no user has anything of."""

    model: str
    table: str
    reason: str
    count: int
    #: Some of their keys.
    keys: tuple[str, ...]
    #: The statement that removes them.
    mend: str

    def __str__(self) -> str:
        grants = "1 grant" if self.count == 1 else f"{self.count:,} grants"
        keys = ", ".join(map(repr, self.keys))
        return f"{self.table}: {grants} on {self.model} {self.reason} ({keys})"


def orphans(connection: "BaseDatabaseWrapper") -> Iterator[Orphans]:
    """
    The grants on models with ``ObjectPermissions`` that count for nothing. Changes nothing.

    Reads all grants and asks for the rows that they are on, so it takes the owner. Raises
    WrongCredentials.
    """
    role = catalog.check_credentials(connection)
    for model, grants in granting_models(connection, role.installed_by or role.name):
        for wrong in grants.wrong(model):
            with connection.cursor() as cursor:
                cursor.execute(as_text(wrong.count()))
                count, keys = cursor.fetchone()
            if count:
                yield Orphans(
                    model._meta.label,
                    wrong.grants.table.name,
                    wrong.reason,
                    count,
                    tuple(keys),
                    as_text(wrong.mend()),
                )
