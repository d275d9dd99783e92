"""What PostgreSQL allows: every command on every row, by raw SQL and the ORM, and undone."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.db.models import Model

from rls_perms.exceptions import ConfigurationError, PermissionDenied
from rls_perms.keywords import Command
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import declaration
from rls_perms.session import as_system
from rls_perms.statements import trials as text
from rls_perms.testing.askers import Asker
from rls_perms.testing.rows import Keys, Rows, key_fields


class Unknown(str):
    """What stands for rows of which the key is not known."""

    __slots__ = ()


#: Somebody sees what the owner does not.
UNKNOWN = Unknown("a row that the owner does not see")


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of a model trials write."""

    keys: tuple[Any, ...]
    written: tuple[Any, ...]
    updated: Any
    #: Whether no condition names what an UPDATE sets, so that any value will do.
    neutral: bool


def fields_of(model: type[Model], declared: object, column: str | None) -> Fields:
    """
    The fields for trials on *model*; *column* is the field that an UPDATE sets.

    By default one that neither the declaration nor another constraint names.
    """
    meta = model._meta
    keys = tuple(key_fields(model))
    written = tuple(
        one for one in meta.local_concrete_fields if one.column and not _is_generated(one)
    )
    others = [one for one in written if one not in keys]
    if column is not None:
        found = [one for one in others if column in (one.name, one.attname)]
        if not found:
            names = ", ".join(one.name for one in others)
            raise ConfigurationError(
                f"column={column!r} is no field of {meta.label} that an UPDATE can set. Its "
                f"fields: {names}."
            )
        return Fields(keys, written, found[0], neutral=True)
    named = _words((declared, meta.constraints, meta.unique_together))
    for one in others:
        if not (one.is_relation or one.unique or named & {one.name, one.attname}):
            return Fields(keys, written, one, neutral=True)
    return Fields(keys, written, (others or list(keys))[0], neutral=False)


#: How declarations and constraints call their arguments.
_ARGUMENTS = re.compile(
    r"\b(name|tenant|policies|using|check|command|to|permissive|permission_required|trusted|shared"
    r"|global_permissions|creator|view|change|fields|condition|output_field)="
)


def _words(declared: object) -> set[str]:
    """The words of a declaration as it is written, and the parts of lookups in it."""
    said = repr(declared)
    if "RawSQL" not in said:
        said = _ARGUMENTS.sub("", said)
    return {part for word in re.findall(r"\w+", said) for part in (word, *word.split("__"))}


def _is_generated(field: Any) -> bool:
    return bool(getattr(field, "generated", False))


class Tried:
    """One table, ready to be tried on: enter it, ask, leave, and nothing has happened."""

    def __init__(self, model: type[Model], fields: Fields, rows: Rows, using: str) -> None:
        self.model = model
        self.fields = fields
        self.rows = rows
        self.using = using
        self.statements = text.Trials(
            table=table_of(model),
            keys=tuple(one.column for one in fields.keys),
            columns=tuple(one.column for one in fields.written),
            returned=tuple(one.column for one in _returned(model)),
            updated=fields.updated.column,
        )
        self._keys: dict[int, Any] = {}

    @contextmanager
    def prepared(self) -> Iterator["Tried"]:
        """Number the rows, for as long as it lasts."""
        with transaction.atomic(using=self.using):
            with as_system(reason="rls_perms.testing numbers rows"):
                self._execute(text.DEFER)
                self._execute(self.statements.prepare)
                rows = self._fetch(self.statements.numbered)
            by_text = {_as_text(row.pk): row.pk for row in self.rows.of(self.model)}
            for number, *key in rows:
                known = _as_text(tuple(key) if len(key) > 1 else key[0])
                self._keys[number] = by_text.get(known, UNKNOWN)
            self._before = self._places()
            yield self
            transaction.set_rollback(True, using=self.using)

    # Raw SQL

    def seen(self, asker: Asker) -> Keys:
        def select() -> Keys:
            with asker.entered():
                return self._of(number for (number,) in self._fetch(self.statements.select))

        return self._undone(select) or frozenset()

    def updated_blindly(self, asker: Asker, without: Keys) -> Keys:
        """
        The rows that an UPDATE without WHERE changes; none where it is refused.

        The rows *without* are not there then.
        """

        def update() -> Keys:
            self._remove(without)
            with asker.entered():
                self._execute(self.statements.update_blindly, [self._some_value()])
            after = self._places()
            there = [one for one in self._before if self._keys[one] not in without]
            return self._of(one for one in there if after.get(one) != self._before[one])

        return self._undone(update) or frozenset()

    def deleted_blindly(self, asker: Asker) -> Keys:
        """The rows that a DELETE without WHERE removes; none where it is refused."""

        def delete() -> Keys:
            with asker.entered():
                self._execute(self.statements.delete_blindly)
            return self._of(self._before.keys() - self._places().keys())

        return self._undone(delete) or frozenset()

    def one_by_one(self, asker: Asker, mover: Any) -> dict[str, Keys]:
        """
        The rows on which each command works, by their keys; all of it in one message.

        "move" is those as which the row of the key *mover* can be written, each removed before.
        """
        made = self.statements
        wanted = {
            "update": (made.one_by_one(Command.UPDATE), False),
            "delete": (made.one_by_one(Command.DELETE), False),
            "insert": (made.one_by_one(Command.INSERT), True),
            "return": (made.one_by_one(Command.INSERT, returning=True), True),
        }
        numbers = [one for one, known in self._keys.items() if known == mover]
        if mover is not None and numbers:
            wanted["move"] = (made.move(numbers[0], self._columns), True)

        def attempt() -> dict[str, list[int]]:
            found: dict[str, list[int]] = {name: [] for name in wanted}
            parameters = [one for name, pair in wanted.items() for one in (name, *pair)]
            with asker.entered():
                for name, number in self._fetch(text.each(len(wanted)), parameters):
                    found[name].append(number)
            return found

        found = self._undone(attempt) or {name: [] for name in wanted}
        return {name: self._of(numbers) for name, numbers in found.items()}

    def moved_blindly(self, asker: Asker, key: Any) -> Keys:
        """
        The rows as which the row of *key* can be written by an UPDATE that reads no column.

        It is there alone then: policies for SELECT have no say.
        """

        def move() -> Keys:
            self._remove(self.rows.keys(self.model) - {key})
            statement = self.statements.move_blindly(self._columns)
            with asker.entered():
                found = self._fetch(text.each(1), ["move", statement, False])
            return self._of(number for _, number in found)

        return self._undone(move) or frozenset()

    # The ORM

    def seen_by_orm(self, asker: Asker) -> Keys:
        def select() -> Keys:
            with asker.entered():
                return frozenset(self._objects().values_list("pk", flat=True))

        return self._undone(select) or frozenset()

    def updated_by_orm(self, asker: Asker, among: Keys) -> int:
        def update() -> int:
            values = {self.fields.updated.attname: self._some_value(python=True)}
            with asker.entered():
                return int(self._objects().filter(pk__in=among).update(**values))

        return self._undone(update) or 0

    def deleted_by_orm(self, asker: Asker, among: Keys) -> int:
        def delete() -> int:
            with asker.entered():
                # What delete() ends with; before, it reads what points here.
                return int(self._objects().filter(pk__in=among)._raw_delete(self.using))

        return self._undone(delete) or 0

    def inserted_by_orm(self, asker: Asker, row: Model) -> bool:
        """
        Whether a row like *row* can be made in its place.

        With a key of the database's, if it makes one and no condition asks for the key.
        """

        def insert() -> bool:
            self._remove(frozenset([row.pk]))
            made = self.model(
                **{one.attname: getattr(row, one.attname) for one in self._given(row)}
            )
            with asker.entered():
                self._objects().bulk_create([made])
            return True

        return self._undone(insert) or False

    # How

    def _undone(self, trial: Callable[[], Any]) -> Any:
        """What *trial* found; None where PostgreSQL refused it. Nothing of it stays."""
        try:
            with transaction.atomic(using=self.using):
                found = trial()
                transaction.set_rollback(True, using=self.using)
        except PermissionDenied:
            return None
        except DatabaseError as error:
            raise ConfigurationError(
                f"{self.model._meta.label} cannot be tried: {error} If it is the value of "
                f"{self.fields.updated.name!r}, which trials set, name another field: column=..."
            ) from error
        return found

    def _given(self, row: Model) -> list[Any]:
        """The fields that a new row is given values for."""
        key = row._meta.pk
        asked = _words(declaration(self.model)) & {"id", "pk", key.name}
        made = key.db_returning and not asked
        return [one for one in self.fields.written if not (made and one is key)]

    @property
    def _columns(self) -> list[str]:
        """What one row may have as another has it."""
        return [one.column for one in self.fields.written if one not in self.fields.keys]

    def _objects(self) -> Any:
        return self.model._base_manager.using(self.using)

    def _places(self) -> dict[int, str]:
        with as_system(reason="rls_perms.testing looks what a trial did"):
            return dict(self._fetch(self.statements.places))

    def _remove(self, keys: Keys) -> None:
        if keys:
            numbers = [number for number, key in self._keys.items() if key in keys]
            with as_system(reason="rls_perms.testing makes room for a trial"):
                self._execute(self.statements.remove, [numbers])

    def _some_value(self, *, python: bool = False) -> Any:
        field, [row, *_] = self.fields.updated, self.rows.of(self.model)
        value = getattr(row, field.attname)
        if python:
            return value
        return field.get_db_prep_save(value, connections[self.using])

    def _of(self, numbers: Any) -> Keys:
        return frozenset(self._keys.get(number, UNKNOWN) for number in numbers)

    def _execute(self, statement: str, parameters: Any = None) -> None:
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement, parameters)

    def _fetch(self, statement: str, parameters: Any = None) -> list[Any]:
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())


def _returned(model: type[Model]) -> list[Any]:
    found = [one for one in model._meta.db_returning_fields if one.model is model]
    return found or key_fields(model)


def _as_text(key: Any) -> str:
    return repr(tuple(map(str, key))) if isinstance(key, tuple) else str(key)
