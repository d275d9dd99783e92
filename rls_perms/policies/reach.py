"""How far a declaration's conditions reach: which tables they read, and as whom."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q
from django.db.models.expressions import RawSQL

from rls_perms.conditions import Condition, parse
from rls_perms.conditions.parts import Leaf, leaves, row_alias
from rls_perms.conditions.reads import Reads, tables_read, walk
from rls_perms.exceptions import ReadsItself
from rls_perms.expressions import CurrentTenant
from rls_perms.keywords import Command
from rls_perms.policies.arms import Arms
from rls_perms.targets import Target


@dataclass(frozen=True, slots=True)
class Asked:
    """One condition of a declaration."""

    condition: Condition
    #: As it is declared.
    source: Q
    #: Of which command; None for the tenant's, which is part of all.
    command: Command | None
    #: Who asks; None for everybody whom the declaration lets through, and superusers.
    targets: tuple[Target, ...] | None
    trusted: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """The conditions of one declaration on *model*, taken apart."""

    model: type[Model]
    tenant: str | None
    arms: Arms

    def tenant_condition(self) -> Condition:
        """What every row of the tenant of the context fulfils."""
        # So many rows of another table are the tenant's that their keys make no short list.
        return parse(self._of_tenant(), self.model, keys=False)

    def _of_tenant(self) -> Q:
        return Q() if self.tenant is None else Q(**{self.tenant: CurrentTenant()})

    def asked(self) -> Iterator[Asked]:
        """Every condition, as often as policies have it."""
        yield Asked(self.tenant_condition(), self._of_tenant(), None, None, False)
        for arm in (*self.arms.permissive, *self.arms.restrictive):
            # What is shared is part of the floor, which is for everybody.
            targets = None if arm.shared else arm.targets
            for condition in (arm.using, arm.check):
                if condition is not None:
                    parsed = parse(condition, self.model)
                    yield Asked(parsed, condition, arm.command, targets, arm.trusted)

    def as_owner(self, trusted: bool) -> Callable[[Leaf], bool]:
        """
        Which parts are found out as the owner of the tables, whoever asks.

        All parts of a trusted policy; and those that read nothing but tables of the model's
        own many-to-many fields: these show what the model's policies show, which cannot ask
        them in turn.
        """
        links = own_links(self.model)
        row = row_alias(self.model)
        return lambda leaf: trusted or (bool(read := set(tables_read(leaf, row))) and read <= links)

    @property
    def has_raw_sql(self) -> bool:
        """Whether a condition is text of which only PostgreSQL knows what it reads."""
        return any(
            isinstance(node, RawSQL)
            for asked in self.asked()
            for leaf in leaves(asked.condition)
            for node in walk([leaf.query.where])
        )

    def reads(self) -> Iterator[tuple[Asked, Reads]]:
        """What each condition reads as the one who asks. Raises ReadsItself."""
        row = row_alias(self.model)
        # Who asks for a link of the model is asked whether its ends are seen.
        itself = {self.model._meta.db_table, *own_links(self.model)}
        for asked in self.asked():
            as_owner = self.as_owner(asked.trusted)
            for leaf in leaves(asked.condition):
                if as_owner(leaf):
                    continue
                read = tables_read(leaf, row)
                if itself & set(read):
                    raise ReadsItself(
                        f"A condition of {self.model._meta.label} reads {self.model._meta.label} "
                        f"again, by {_named(leaf)}: PostgreSQL would ask its policies without "
                        "end. Write Policy(..., trusted=True), which reads as the owner of the "
                        "table, or leave that condition out."
                    )
                yield asked, read


def _named(leaf: Leaf) -> str:
    """The relations by which *leaf* goes on, by the names of their fields."""
    names = [
        str(getattr(join.join_field, "name", join.table_name))
        for join in leaf.query.alias_map.values()
        if hasattr(join, "join_field")
    ]
    return " and ".join(repr(name) for name in dict.fromkeys(names)) or "a subquery"


def own_links(model: type[Model]) -> frozenset[str]:
    """The tables that Django makes for many-to-many fields of *model*, or to it."""
    fields: list[Any] = [*model._meta.many_to_many]
    fields += [one.field for one in model._meta.related_objects if one.many_to_many]
    links = [one.remote_field.through._meta for one in fields]
    return frozenset(str(link.db_table) for link in links if link.auto_created)
