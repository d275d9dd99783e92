"""
Put one fault after the other into a test database, and see what becomes of each.

A test of permissions that no fault of the database fails shows nothing. ``Injector`` tells of
each fault whether anybody can do anything else with it, and whether
``assert_permissions_match`` notices.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.models import Model

from rls_perms import catalog
from rls_perms.exceptions import ConfigurationError, PermissionDenied, RlsPermsError
from rls_perms.framework import framework_tables
from rls_perms.grants import Grant, Membership
from rls_perms.identifiers import SCHEMA
from rls_perms.keywords import ObjectKind
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import declaration
from rls_perms.session import Entering, as_system
from rls_perms.statements import faults as text
from rls_perms.statements import trials
from rls_perms.testing import reasons
from rls_perms.testing.askers import Asker, as_owner, owner_of
from rls_perms.testing.faults import Fault, PolicyAt, faults, policies
from rls_perms.testing.match import Comparison
from rls_perms.testing.rows import Rows
from rls_perms.testing.tried import fields_of

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: What everybody can do: (place of the asker, table) -> a line for each statement that ran.
Everything = dict[tuple[int, str], tuple[str, ...]]
_NOTHING = ": nothing"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fault did."""

    fault: Fault
    #: Whether the tenant floor was dropped before.
    without_floor: bool
    #: Whether anybody can do anything that they could not, or the other way.
    changed: bool
    #: The first difference that the comparison tells; "" if it tells none.
    noticed: str = ""
    #: Why nothing changed; "" if something did.
    reason: str = ""

    def __str__(self) -> str:
        where = " without the floor" if self.without_floor else ""
        return f"{self.fault}{where}"


class Injector:
    """
    Faults for the tables of *models* in a test database.

    *users* and *tenants* are those who try, by default all of them, if *asks* says so; one of
    each kind is enough, and faster. Everything is undone, after each fault and in the end.
    """

    def __init__(
        self,
        models: Sequence[type[Model]],
        *,
        users: Iterable[Any] | None = None,
        tenants: Iterable[Any] | None = None,
        asks: Callable[[Asker], bool] = lambda asker: True,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        if owner_of(using) != using:
            raise ConfigurationError(
                f"{using!r} is no test database: faults are put into one, where the owner and "
                "those who ask share a transaction that is rolled back. Run it in a test."
            )
        self.using = using
        self.models = list(models)
        with as_owner():
            known = Rows(using)
            users = None if users is None else list(users)
            tenants = None if tenants is None else list(tenants)
            self.comparisons = {
                table_of(model).name: Comparison(
                    model, users=users, tenants=tenants, using=using, known=known
                )
                for model in self.models
            }
            for one in self.comparisons.values():
                one.wanted = [(asker, wanted) for asker, wanted in one.wanted if asks(asker)]
            self.reads = _reads(connections[using])
            self._policies = policies(connections[using], self.models)
        some = next(iter(self.comparisons.values()))
        self.askers: list[Asker] = [asker for asker, _ in some.wanted]

    def injected(
        self,
        wanted: Callable[[Fault], bool] = lambda fault: True,
        *,
        without_floor: bool = False,
    ) -> Iterator[Outcome]:
        """The outcome of each of ``faults()`` that is *wanted*."""
        with as_owner(), self._prepared():
            found = [one for one in faults(self.using, models=self.models) if wanted(one)]
            first: list[str] = []
            if without_floor:
                first = [one.dropped for one in self._policies if one.is_floor]
                found = [one for one in found if not _is_of_floor(one)]
            with self._undone(first):
                before = self.everything(self.comparisons)
            for fault in found:
                yield self._outcome(fault, before, first)

    def _outcome(self, fault: Fault, before: Everything, first: Sequence[str]) -> Outcome:
        without_floor = bool(first)
        concerned = self._concerned(fault)
        if not concerned:
            return Outcome(fault, without_floor, False, reason=reasons.NOBODY)
        with self._undone(first):
            self._execute(fault.sql)
            after = self.everything(self._reached(fault.table), concerned)
            changed = {key for key, did in after.items() if _worked(did) != _worked(before[key])}
            if changed:
                return Outcome(fault, without_floor, True, noticed=self._noticed(changed))
            refused = any(did != before[key] for key, did in after.items())
            reason = reasons.REFUSED if refused else self._reason(fault)
        return Outcome(fault, without_floor, False, reason=reason or self._tried(fault, first))

    def _concerned(self, fault: Fault) -> list[int]:
        """The places of the askers who belong to one of the roles of *fault*."""
        roles = {*fault.roles}
        return [place for place, held in enumerate(self._roles) if held & roles]

    # Why nothing changes: each reason is looked up or tried

    def _reason(self, fault: Fault) -> str:
        """What can be looked up while the fault is there; "" for a policy."""
        match fault.about:
            case Membership() as one if fault.kind == "end":
                if self._value(text.BELONGS, [one.member, one.role]):
                    return reasons.BELONGS_ANYWAY
                kept = self._privileges(one.member) == self._held[one.member]
                return reasons.OWN_PRIVILEGES if kept else reasons.NOT_NEEDED
            case Membership() as one:
                same = self._privileges(one.member) == self._held[one.member]
                return reasons.NO_PRIVILEGE_COMES if same else reasons.NO_ROWS_COME
            case Grant() as one:
                if fault.kind == "revoke":
                    return self._reason_of_revoke(fault, one)
                return reasons.NO_ROWS_COME
        return ""

    def _tried(self, fault: Fault, first: Sequence[str]) -> str:
        """What can be tried of a policy: the same fault where another layer is missing."""
        policy = fault.about
        if not isinstance(policy, PolicyAt):
            raise TypeError(f"{fault} is about no policy, and has no other reason.")
        if fault.kind.startswith("widen") and all(one == "true" for one in fault.clauses):
            return reasons.TRUE_ALREADY
        if policy.is_floor:
            return reasons.SAID_TWICE
        floor = [one.dropped for one in self._policies if one.is_floor]
        if not first and self._changes(fault, floor):
            return reasons.FLOOR_HOLDS
        beside = [
            one
            for one in self._policies
            if (one.table, one.command) == (policy.table, policy.command)
            and not (one.name == policy.name or one.is_system or one.is_floor)
        ]
        others = [one.dropped for one in beside if one.permissive]
        if policy.permissive and self._changes(fault, [*floor, *others]):
            return reasons.OTHERS_SHOW
        others = [one.dropped for one in beside if not one.permissive]
        if others and self._changes(fault, [*floor, *others]):
            return reasons.RESTRICTIVE_ASKS
        if fault.kind == "widen WITH CHECK of":
            return reasons.SEEN_AFTER
        return reasons.NO_ROWS_DECIDED

    def _reason_of_revoke(self, fault: Fault, one: Grant) -> str:
        target = one.object
        if all(self._has(self._session[place], one) for place in self._concerned(fault)):
            return reasons.HAS_ANYWAY
        if target.kind is ObjectKind.SCHEMA:
            return reasons.NOT_NAMED
        if target.name in framework_tables().names:
            return reasons.FRAMEWORK
        if target.kind is ObjectKind.FUNCTION and target.schema == SCHEMA:
            return reasons.NOT_CALLED
        return reasons.NOT_NEEDED

    def _has(self, role: str, one: Grant) -> bool:
        target = one.object
        name = target.name if target.kind is ObjectKind.SCHEMA else f"{target.schema}.{target.name}"
        if target.arguments is not None:
            name += f"({', '.join(target.arguments)})"
        if one.column:
            asked = [role, name, one.column, one.privilege]
            return bool(self._value(text.HAS_COLUMN_PRIVILEGE, asked))
        return bool(self._value(text.HAS_PRIVILEGE[target.kind], [role, name, one.privilege]))

    def _changes(self, fault: Fault, first: Sequence[str]) -> bool:
        """Whether *fault* changes anything once the statements *first* are run."""
        tables, concerned = self._reached(fault.table), self._concerned(fault)
        with self._undone(first):
            before = self.everything(tables, concerned)
            self._execute(fault.sql)
            after = self.everything(tables, concerned)
        return any(_worked(did) != _worked(before[key]) for key, did in after.items())

    def _belonging(self, asker: Asker) -> tuple[str, frozenset[str]]:
        """The role that *asker* has, and all that it belongs to."""
        with asker.entered(), connections[self.using].cursor() as cursor:
            cursor.execute(text.ROLES)
            rows = cursor.fetchall()
        return rows[0][0], frozenset(role for _, role in rows)

    def _privileges(self, role: str) -> frozenset[tuple[str, ...]]:
        with connections[self.using].cursor() as cursor:
            cursor.execute(text.PRIVILEGES, [list(self.comparisons), [role]])
            return frozenset(cursor.fetchall())

    def _value(self, statement: str, parameters: list[Any]) -> Any:
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchone()[0]

    def everything(self, tables: Iterable[str], places: Iterable[int] | None = None) -> Everything:
        """What everybody, or those at *places*, can do with *tables* by raw SQL, and undo."""
        found: Everything = {}
        for number in range(len(self.askers)) if places is None else places:
            asker = self.askers[number]
            try:
                with self._undone(), asker.entered():
                    for table in tables:
                        with connections[self.using].cursor() as cursor:
                            cursor.execute(text.EVERYTHING, self._arguments[table])
                            did = tuple(line for (line,) in cursor.fetchall())
                        found[number, table] = did
            except PermissionDenied:
                for table in tables:
                    found.setdefault((number, table), ())
        return found

    def _noticed(self, changed: set[tuple[int, str]]) -> str:
        """The first difference that the comparison tells, asked of those who are concerned."""
        for table in dict.fromkeys(table for _, table in sorted(changed)):
            comparison = self.comparisons[table]
            every = comparison.wanted
            concerned = {number for number, other in changed if other == table}
            comparison.wanted = [one for place, one in enumerate(every) if place in concerned]
            try:
                with closing(comparison.run()) as differences:
                    for difference in differences:
                        return str(difference)
            except (RlsPermsError, DatabaseError) as error:
                # A test that ends so fails, too.
                return f"{type(error).__name__}: {error}".splitlines()[0]
            finally:
                comparison.wanted = every
        return ""

    def _reached(self, table: str | None) -> list[str]:
        """*table* and those whose policies read it; all of them without one."""
        if table is None:
            return list(self.comparisons)
        reached = {table}
        for _ in self.comparisons:
            reached |= {one for one, read in self.reads.items() if reached & read}
        return [one for one in self.comparisons if one in reached]

    @contextmanager
    def _prepared(self) -> Iterator[None]:
        """
        Number the rows of every table, for as long as it lasts.

        In no transaction of its own: thousands of trials in one make PostgreSQL slower by far.
        """
        self._arguments: dict[str, list[Any]] = {}
        with self._as_system():
            self._execute(text.DO_EVERYTHING)
            for number, (table, comparison) in enumerate(self.comparisons.items()):
                fields = fields_of(comparison.model, declaration(comparison.model), None)
                every = text.Everything(
                    table=table_of(comparison.model),
                    keys=tuple(one.column for one in fields.keys),
                    columns=tuple(one.column for one in fields.written),
                    updated=fields.updated.column,
                    number=number,
                )
                self._execute(every.prepare)
                rows = len(comparison.known.of(comparison.model))
                self._arguments[table] = [rows, *every.arguments]
        found = faults(self.using, models=self.models)
        members = {one.about.member for one in found if isinstance(one.about, Membership)}
        self._held = {role: self._privileges(role) for role in members}
        belonging = [self._belonging(asker) for asker in self.askers]
        self._roles = [roles for _, roles in belonging]
        self._session = [session for session, _ in belonging]
        try:
            yield
        finally:
            with self._as_system():
                self._execute(text.forget(len(self._arguments)))

    @staticmethod
    def _as_system() -> Entering:
        return as_system(reason="rls_perms.testing numbers rows")

    @contextmanager
    def _undone(self, first: Iterable[str] = ()) -> Iterator[None]:
        with transaction.atomic(using=self.using):
            for statement in (trials.DEFER, *first):
                self._execute(statement)
            yield
            transaction.set_rollback(True, using=self.using)

    def _execute(self, statement: str) -> None:
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement)


def _is_of_floor(fault: Fault) -> bool:
    return isinstance(fault.about, PolicyAt) and fault.about.is_floor


def _worked(did: tuple[str, ...]) -> tuple[str, ...]:
    """What was done to some row: to find none is as to be refused."""
    return tuple(line for line in did if not line.endswith(_NOTHING))


def _reads(connection: "BaseDatabaseWrapper") -> dict[str, set[str]]:
    """Which tables the policies of each table read."""
    return {
        table: {other for _, other in read}
        for (_, table), read in catalog.policy_reads(connection).items()
    }
