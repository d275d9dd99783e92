"""Constraints of django-rls-tenants: history in migrations, a RowSecurity in models."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS
from django.db.migrations.state import StateApps
from django.db.models import BaseConstraint, Model, Q
from django.db.models.signals import class_prepared

from rls_perms.contrib.django_rls_tenants.rls.predicates import Predicate, any_of
from rls_perms.exceptions import ConfigurationError
from rls_perms.expressions import CurrentTenant
from rls_perms.keywords import Command
from rls_perms.policies import Policy, RowSecurity
from rls_perms.policies.constraint import is_ours
from rls_perms.statements.foreign import drop_foreign_policy
from rls_perms.statements.render import joined
from rls_perms.statements.render import text as as_text
from rls_perms.statements.row_security import Table

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

#: All rows of the tenant, for every signed-in user: what django-rls-tenants means by protected.
WHOLE_TENANT = Policy("tenant", using=Q(), permission_required=False)


class _Past(BaseConstraint):
    """
    What a migration made with django-rls-tenants, kept so that the migration loads.

    Adding it does nothing: the RowSecurity that comes after it protects the table. Removing
    it drops what django-rls-tenants made, and leaves row security on.
    """

    def __init__(self, *, name: str, **given: Any) -> None:
        super().__init__(name=name)
        self.given = given

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        path, _, kwargs = super().deconstruct()
        return path, (), {**kwargs, **self.given}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        _, _, kwargs = self.deconstruct()
        given = ", ".join(f"{name}={value!r}" for name, value in kwargs.items())
        return f"{type(self).__name__}({given})"

    def constraint_sql(self, model: Any, schema_editor: "BaseDatabaseSchemaEditor") -> None:  # type: ignore[override]
        """Nothing."""

    def create_sql(self, model: Any, schema_editor: "BaseDatabaseSchemaEditor") -> None:  # type: ignore[override]
        """Nothing."""

    def remove_sql(self, model: Any, schema_editor: "BaseDatabaseSchemaEditor") -> Any:  # type: ignore[override]
        """Drop the policies of django-rls-tenants, if the database has them."""
        if not is_ours(schema_editor.connection):
            return None
        drops = [drop_foreign_policy(name, table) for name, table in self._made(model)]
        return as_text(joined(drops, "\n"))

    def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: Iterable[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Forms say nothing of row security."""

    def _made(self, model: Any) -> Iterator[tuple[str, Table]]:
        """The policies that django-rls-tenants made for it: name and table."""
        raise NotImplementedError

    def row_security(self, model: type[Model]) -> RowSecurity:
        """What means the same here, for *model*."""
        raise NotImplementedError


class RLSConstraint(_Past):
    """
    ``RowSecurity`` with *field* as its floor, and all rows of the tenant for its users.

    In a model's Meta it becomes that RowSecurity as soon as the class is made. Which setting
    and which type of key it names counts no more. *extra_predicates* become a policy with
    ``shared=True`` for SELECT. Raises ConfigurationError there for *extra_bypass_flags*.
    """

    def __init__(
        self,
        *,
        field: str,
        name: str,
        extra_bypass_flags: Sequence[str] | None = None,
        extra_predicates: Sequence[Predicate] | None = None,
        **given: Any,
    ) -> None:
        if extra_bypass_flags:
            given["extra_bypass_flags"] = list(extra_bypass_flags)
        if extra_predicates:
            given["extra_predicates"] = list(extra_predicates)
        super().__init__(name=name, field=field, **given)

    def _made(self, model: Any) -> Iterator[tuple[str, Table]]:
        table = model._meta.db_table
        yield f"{table}_tenant_isolation_policy", Table.of(table)
        yield f"{table}_tenant_sharing_policy", Table.of(table)
        for links in _tables_of_links(model):
            yield f"{links}_m2m_rls_policy", Table.of(links)

    def row_security(self, model: type[Model]) -> RowSecurity:
        if self.given.get("extra_bypass_flags"):
            raise ConfigurationError(
                f"{model._meta.label}: RLSConstraint(extra_bypass_flags="
                f"{self.given['extra_bypass_flags']!r}). There is no flag that lets rows through "
                "here. Leave it out, and run what needs all rows inside of as_system(reason='...')."
            )
        policies = [WHOLE_TENANT]
        if self.given.get("extra_predicates"):
            policies.append(
                Policy(
                    "shared",
                    command=Command.SELECT,
                    using=any_of(self.given["extra_predicates"]),
                    permission_required=False,
                    shared=True,
                )
            )
        return RowSecurity(tenant=self.given["field"], policies=policies)


class RLSM2MConstraint(_Past):
    """
    ``RowSecurity`` of a ``through`` model: links whose ends are both of the tenant.

    In a model's Meta it becomes that RowSecurity as soon as the class is made.
    """

    def __init__(
        self,
        *,
        name: str,
        from_model: str,
        to_model: str,
        from_fk: str,
        to_fk: str,
        from_tenant_fk: str | None = "tenant",
        to_tenant_fk: str | None = "tenant",
        **given: Any,
    ) -> None:
        super().__init__(
            name=name,
            from_model=from_model,
            to_model=to_model,
            from_fk=from_fk,
            to_fk=to_fk,
            from_tenant_fk=from_tenant_fk,
            to_tenant_fk=to_tenant_fk,
            **given,
        )

    def _made(self, model: Any) -> Iterator[tuple[str, Table]]:
        table = model._meta.db_table
        yield f"{table}_m2m_rls_policy", Table.of(table)

    def row_security(self, model: type[Model]) -> RowSecurity:
        names = {field.column: field.name for field in model._meta.concrete_fields}
        given = self.given
        paths = [
            f"{names[given[column]]}__{given[tenant]}"
            for column, tenant in (("from_fk", "from_tenant_fk"), ("to_fk", "to_tenant_fk"))
            if given[tenant] is not None
        ]
        if not paths:
            raise ConfigurationError(
                f"{model._meta.label}: RLSM2MConstraint names a tenant at neither end. Say "
                "from_tenant_fk or to_tenant_fk."
            )
        both = Q(**{path: CurrentTenant() for path in paths[1:]})
        return RowSecurity(
            tenant=paths[0], policies=[Policy("tenant", using=both, permission_required=False)]
        )


def _tables_of_links(model: Any) -> Iterator[str]:
    """The tables that Django makes for the many-to-many fields of *model* and to it."""
    fields = [
        *model._meta.local_many_to_many,
        *(one.field for one in model._meta.related_objects if one.many_to_many),
    ]
    for field in fields:
        links = field.remote_field.through
        if links is not None and links._meta.auto_created:
            yield links._meta.db_table


def replace_past(sender: Any, **kwargs: Any) -> None:
    """Put the RowSecurity in the place of these constraints, in a model of the project."""
    meta = sender._meta
    if isinstance(meta.apps, StateApps) or meta.abstract:
        return
    past = [one for one in meta.constraints if isinstance(one, _Past)]
    if not past:
        return
    declared = [one for one in meta.constraints if isinstance(one, RowSecurity)]
    others = [one for one in meta.constraints if not isinstance(one, (_Past, RowSecurity))]
    wanted = [one.row_security(sender) for one in past]
    floors = {one.tenant for one in (*declared, *wanted)}
    if len(floors) > 1:
        raise ConfigurationError(
            f"{meta.label} has constraints for more than one tenant's key: "
            f"{', '.join(sorted(map(repr, floors)))}. Keep one RowSecurity(tenant=...)."
        )
    policies: list[Any] = []
    for one in (*declared, *wanted):
        policies += [policy for policy in one.policies if policy not in policies]
    name = declared[0].name if declared else f"{meta.app_label}_{meta.model_name}_rls"
    meta.constraints = [*others, RowSecurity(tenant=floors.pop(), policies=policies, name=name)]


class_prepared.connect(replace_past, dispatch_uid="rls_perms.contrib.django_rls_tenants")
