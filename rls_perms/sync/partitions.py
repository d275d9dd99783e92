"""Partitions of protected tables: closed, so that nobody goes round the policies by one."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from rls_perms import catalog
from rls_perms.state import Definition
from rls_perms.statements import row_security as text
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Relation, Table

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

Key = tuple[str, str]


class Partitions:
    """
    What is below the protected tables of one database.

    *above* are the tables whose policies count, *declared* those that have policies of their
    own whatever they are part of; keys are schema and name.
    """

    def __init__(
        self,
        connection: "BaseDatabaseWrapper",
        above: Collection[Key],
        declared: Collection[Key],
    ) -> None:
        self._below: dict[Key, list[catalog.Partition]] = {
            key: [one for one in found if (one.table.schema, one.table.name) not in declared]
            for key, found in catalog.partitions(connection).items()
            if key in above
        }
        self._names = {
            (one.table.schema, one.table.name): key
            for key, found in self._below.items()
            for one in found
        }

    def above(self, key: Key) -> str | None:
        """The name of the protected table that *key* is a partition of, None if of none."""
        found = self._names.get(key)
        return None if found is None else found[1]

    def closed(self, relations: Mapping[Key, Relation]) -> Iterator[Relation]:
        """The partitions, on which nobody but the owner keeps a privilege."""
        return (relations[key] for key in sorted(self._names) if key in relations)

    def foreign(self, relations: Mapping[Key, Relation]) -> Iterator[tuple[str, str]]:
        """Partitions of other owners, who grant them as they like: name, and of what."""
        for relation in self.closed(relations):
            if not relation.mine:
                table = relation.table
                yield table.name, self._names[table.schema, table.name][1]

    def wanted(self, key: Key, label: str) -> Iterator[Definition]:
        """Row security on all partitions of the table *key*, if it has any."""
        if self._below.get(key):
            covering = text.cover_partitions(Table(key[1], key[0]))
            yield Definition(_name(label), "enabled", as_text(covering))

    def made(self, key: Key, label: str) -> Iterator[Definition]:
        """The same, if it is so."""
        found = self._below.get(key)
        if found and all(one.covered for one in found):
            yield Definition(_name(label), "enabled")


def _name(label: str) -> str:
    return f"row security of the partitions of {label}"
