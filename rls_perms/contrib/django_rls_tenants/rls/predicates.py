"""Rows of other tenants that a tenant may read, as conditions of a policy."""

from collections.abc import Iterable
from functools import reduce
from operator import or_

from django.db.models import BooleanField, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.utils.deconstruct import deconstructible

from rls_perms.exceptions import ConfigurationError
from rls_perms.expressions import CurrentTenant, Exists

__all__ = ["Predicate", "RawPredicate", "SharedWith", "TenantField"]


@deconstructible
class Predicate:
    """What ``RLSConstraint(extra_predicates=[...])`` takes; old migrations hold it, too."""

    def condition(self) -> Q:
        """The rows, as a condition of a policy with ``shared=True``."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))


class SharedWith(Predicate):
    """
    Rows to which a row of *through* points, that also points to the tenant of the context.

    *through* is ``"app.Model"``, *fk* its foreign key to the rows and *tenant_fk* that to the
    tenant. It is read as the role that asks, so its own policies count.
    """

    def __init__(self, *, through: str, fk: str, tenant_fk: str) -> None:
        self.through = through
        self.fk = fk
        self.tenant_fk = tenant_fk

    def condition(self) -> Q:
        found = Q(**{self.fk: OuterRef("pk"), self.tenant_fk: CurrentTenant()})
        return Q(Exists(self.through, found))


class TenantField(Predicate):
    """Rows whose foreign key *field* is the tenant of the context."""

    def __init__(self, field: str) -> None:
        self.field = field

    def condition(self) -> Q:
        return Q(**{self.field: CurrentTenant()})


class RawPredicate(Predicate):
    """
    Rows for which *sql* holds, a condition in SQL.

    As a condition, it raises ConfigurationError where it reads a setting: those of
    django-rls-tenants are set no more, so it would quietly share nothing.
    """

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def condition(self) -> Q:
        if "current_setting" in self.sql.lower():
            raise ConfigurationError(
                f"RawPredicate({self.sql!r}) reads a setting, which nothing sets any more. Write "
                "(SELECT rls_perms.tenant_id()) for the tenant, and (SELECT rls_perms.user_id()) "
                "for the user."
            )
        # The author of the model wrote it, as every condition.
        sql = self.sql.replace("%", "%%")
        return Q(RawSQL(sql, (), output_field=BooleanField()))  # noqa: S611


def any_of(predicates: Iterable[Predicate]) -> Q:
    """The rows that one of *predicates* shares."""
    shared: Q = reduce(or_, (one.condition() for one in predicates))
    return shared
