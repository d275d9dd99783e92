"""Assert that PostgreSQL allows what Django's permissions and the policies allow."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from rls_perms.conf import get_settings
from rls_perms.keywords import Command
from rls_perms.policies.constraint import declaration
from rls_perms.testing.askers import Asker, as_owner, askers, owner_of
from rls_perms.testing.expected import Expected, declared_of, keeps_columns
from rls_perms.testing.rows import Keys, Rows
from rls_perms.testing.tried import Tried, Unknown, fields_of

#: How many differences are told.
TOLD = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """One answer in which PostgreSQL and Django do not agree."""

    asker: str
    action: str
    key: Any
    django: bool

    def __str__(self) -> str:
        if isinstance(self.key, Unknown):
            return f"{self.asker}: {self.action} {self.key}"
        said = "yes, PostgreSQL refuses" if self.django else "no, PostgreSQL does it"
        return f"{self.asker}: {self.action} {self.key!r}: Django says {said}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one asker is to be allowed."""

    seen: Keys
    #: Seen by the ORM: of a multi-table child, with the parent's row.
    joined: Keys
    updated: Keys
    #: Those of *updated* that may not stay as they are.
    stuck: Keys
    deleted: Keys
    inserted: Keys
    returned: Keys
    #: Of one that may be updated, the rows as which it may be written by an UPDATE that reads
    #: nothing, and by its key; None if there is none, or nobody can say.
    blind: tuple[Any, Keys] | None
    moved: tuple[Any, Keys] | None


class Comparison:
    """What both say of one model: Django is asked when it is made, PostgreSQL when it is run."""

    def __init__(
        self,
        model: type[Model],
        *,
        users: Iterable[Any] | None = None,
        tenants: Iterable[Any] | None = None,
        rows: Iterable[Model] | None = None,
        settings: Sequence[Mapping[str, Any] | None] = (None,),
        column: str | None = None,
        using: str = DEFAULT_DB_ALIAS,
        known: Rows | None = None,
    ) -> None:
        self.model = model
        self.using = using
        #: How many answers were compared.
        self.answers = 0
        declared = declared_of(model)
        with as_owner():
            owner = owner_of(using)
            self.known = Rows(owner) if known is None else known
            every = self.known.keys(model)
            self.chosen = every if rows is None else frozenset(one.pk for one in rows) & every
            self.fields = fields_of(model, declared, column)
            self.wanted = [
                (asker, _wanted(Expected(asker, self.known, using), model))
                for asker in askers(users, tenants, settings, owner)
            ]

    def run(self) -> Generator[Difference]:
        """Try everything, and tell each difference as it is found."""
        self.answers = 0
        if not self.known.of(self.model):
            return
        with as_owner(), Tried(self.model, self.fields, self.known, self.using).prepared() as tried:
            for asker, wanted in self.wanted:
                for action, keys, django in self._answers(asker, wanted, tried):
                    if action.startswith("INSERT") and self._is_tenant_of(asker):
                        continue
                    self.answers += len(self.chosen)
                    for key in sorted(keys ^ django, key=str):
                        if key in self.chosen or isinstance(key, Unknown):
                            yield Difference(str(asker), action, key, key in django)

    def _is_tenant_of(self, asker: Asker) -> bool:
        """
        Whether what is compared are tenants, and *asker* is in one that has a role.

        To be made again, it has to be deleted; and in a tenant that is gone there is nobody.
        """
        conf = get_settings()
        if conf.tenant_roles is None or conf.tenant_model is None or asker.tenant is None:
            return False
        return self.model._meta.label_lower == conf.tenant_model.lower()

    def _answers(
        self, asker: Asker, wanted: Wanted, tried: Tried
    ) -> Iterator[tuple[str, Keys, Keys]]:
        """Each action with the rows on which PostgreSQL does it, and on which Django allows it."""
        yield "SELECT of", tried.seen(asker), wanted.seen
        yield "SELECT by the ORM of", tried.seen_by_orm(asker), wanted.joined
        unstuck = wanted.updated - wanted.stuck
        if self.fields.neutral:
            if wanted.stuck:
                # A row that may not stay as it is makes PostgreSQL refuse the whole statement.
                yield "UPDATE without WHERE of", tried.updated_blindly(asker, NONE), NONE
            changed = tried.updated_blindly(asker, wanted.stuck)
            yield "UPDATE without WHERE of", changed, unstuck
        updated = unstuck & wanted.seen
        mover, moved = wanted.moved or (None, NONE)
        done = tried.one_by_one(asker, mover)
        yield "UPDATE of", done["update"], updated
        if "move" in done:
            yield f"UPDATE of {mover!r} to what is in", done["move"], moved
        if wanted.blind is not None:
            mover, moved = wanted.blind
            done_blindly = tried.moved_blindly(asker, mover)
            yield f"UPDATE without WHERE of {mover!r} to what is in", done_blindly, moved
        deleted = wanted.deleted & wanted.seen
        yield "DELETE without WHERE of", tried.deleted_blindly(asker), wanted.deleted
        yield "DELETE of", done["delete"], deleted
        yield "INSERT of", done["insert"], wanted.inserted
        yield "INSERT .. RETURNING of", done["return"], wanted.returned
        if self.model._meta.parents:
            return
        among = self.chosen - wanted.stuck
        if self.fields.neutral:
            count = tried.updated_by_orm(asker, among)
            yield "UPDATE by the ORM of", *_counted(count, updated & among)
        count = tried.deleted_by_orm(asker, self.chosen)
        yield "DELETE by the ORM of", *_counted(count, deleted & self.chosen)
        rows = [row for row in self.known.of(self.model) if row.pk in self.chosen]
        for allowed in (True, False):
            for row in [one for one in rows if (one.pk in wanted.returned) is allowed][:1]:
                key = frozenset([row.pk])
                made = key if tried.inserted_by_orm(asker, row) else NONE
                yield "INSERT by the ORM of one like", made, key if allowed else NONE


NONE: Keys = frozenset()


def _counted(count: int, django: Keys) -> tuple[Keys, Keys]:
    """Of a count it is not known which rows it is."""
    if count == len(django):
        return django, django
    return frozenset([Unknown(f"{count} rows, where Django says {len(django)}")]), NONE


def _wanted(expected: Expected, model: type[Model]) -> Wanted:
    seen = expected.allowed(model, Command.SELECT)
    joined = seen
    for parent in model._meta.get_parent_list():
        if declaration(parent) is not None:
            joined &= expected.allowed(parent, Command.SELECT)
    updated = expected.allowed(model, Command.UPDATE)
    stuck = updated - expected.kept(model, Command.UPDATE)
    movers = [] if keeps_columns(model) else [*sorted(updated, key=str)[:1]]
    blind = [(one, found) for one in movers if (found := expected.moved(model, one)) is not None]
    movers = [] if keeps_columns(model) else [*sorted(updated & seen, key=str)[:1]]
    moved = [(one, found) for one in movers if (found := expected.moved(model, one)) is not None]
    return Wanted(
        seen=seen,
        joined=joined,
        updated=updated,
        stuck=stuck,
        deleted=expected.allowed(model, Command.DELETE),
        inserted=expected.allowed(model, Command.INSERT),
        returned=expected.returned(model),
        blind=next(((one, kept) for one, (kept, _) in blind), None),
        moved=next(((one, there - {one}) for one, (_, there) in moved), None),
    )


def assert_permissions_match(
    model: type[Model],
    *,
    users: Iterable[Any] | None = None,
    tenants: Iterable[Any] | None = None,
    rows: Iterable[Model] | None = None,
    settings: Sequence[Mapping[str, Any] | None] = (None,),
    column: str | None = None,
    using: str = DEFAULT_DB_ALIAS,
) -> int:
    """
    Compare what PostgreSQL allows on *model* with what Django allows; return how many answers.

    Each user and nobody, in each tenant and in none, tries SELECT, UPDATE, DELETE and INSERT on
    each row, by raw SQL with and without WHERE or RETURNING and by the ORM; all of it is undone.
    Django's answer is ``user.has_perm(perm) or user.has_perm(perm, row)`` and the declared
    policies, each Q asked by ``filter()`` as the owner.

    By default *users*, *tenants* and *rows* are all that there are; *settings* are the values
    for ``Setting``, each a dict as ``as_user(settings=...)`` takes it. *column* is the field
    that UPDATE sets, by default one that no policy names. In a test database it needs nothing
    else; elsewhere it reads as the alias ``RLS_PERMS["OWNER_DATABASE"]``.

    Raises AssertionError that lists the differences, or says that there was nothing to compare.
    """
    asked = Comparison(
        model,
        users=users,
        tenants=tenants,
        rows=rows,
        settings=settings,
        column=column,
        using=using,
    )
    found = list(asked.run())
    if found:
        raise AssertionError(_report(asked, found))
    if not asked.answers:
        raise AssertionError(
            f"{model._meta.label}: nothing was compared. It has no rows, or none is among "
            "those that are given. Make some first."
        )
    return asked.answers


def _report(asked: Comparison, found: Sequence[Difference]) -> str:
    label = asked.model._meta.label
    told = [f"  {one}" for one in found[:TOLD]]
    if len(found) > TOLD:
        told.append(f"  and {len(found) - TOLD} more")
    return "\n".join(
        [
            f"{label}: PostgreSQL and Django differ in {len(found)} of {asked.answers} answers.",
            *told,
            f"What is declared, and what the database holds: python manage.py rls_show {label}",
        ]
    )
