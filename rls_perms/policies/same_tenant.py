"""A foreign key that stays within the tenant: a constraint of the database, and of forms."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.ddl_references import Reference
from django.db.models import BaseConstraint, ForeignKey, Model

from rls_perms.exceptions import ConfigurationError
from rls_perms.identifiers import kept
from rls_perms.policies.compile import table_of
from rls_perms.policies.constraint import is_ours
from rls_perms.statements.render import text as as_text
from rls_perms.statements.same_tenant import TenantKey, add_tenant_key, drop_tenant_key

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

DEFAULT_NAME = "%(app_label)s_%(class)s_{}_tenant"


class SameTenant(BaseConstraint):
    """
    A row's foreign key *field* leads to a row of its own tenant, for ``Meta.constraints``.

    *tenant* names the foreign key to the tenant of the model itself, *parent_tenant* that of
    the model to which *field* leads. PostgreSQL checks foreign keys without regard to row
    security, so an ordinary one may lead to a row that nobody of the tenant sees. This one
    takes the tenant along, as a key of two columns, for everybody: owner and system, raw SQL,
    and a parent that moves to another tenant. It is checked at the end of a transaction, as
    Django's own are. ``full_clean()`` and forms check it, too.

    See https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK.
    """

    def __init__(
        self,
        field: str,
        *,
        tenant: str = "tenant",
        parent_tenant: str = "tenant",
        name: str | None = None,
    ) -> None:
        for value in (field, tenant, parent_tenant):
            if not isinstance(value, str) or not value.isidentifier() or "__" in value:
                raise TypeError(
                    f"SameTenant({field!r}, tenant={tenant!r}, parent_tenant={parent_tenant!r}) "
                    "takes names of foreign keys, as in SameTenant('client')."
                )
        super().__init__(name=DEFAULT_NAME.format(field) if name is None else name)
        self.field = field
        self.tenant = tenant
        self.parent_tenant = parent_tenant

    # A value, as every constraint

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs = {"name": self.name}
        if self.tenant != "tenant":
            kwargs["tenant"] = self.tenant
        if self.parent_tenant != "tenant":
            kwargs["parent_tenant"] = self.parent_tenant
        return "rls_perms.SameTenant", (self.field,), kwargs

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SameTenant):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        _, args, kwargs = self.deconstruct()
        shown = [repr(args[0]), *(f"{name}={value!r}" for name, value in kwargs.items())]
        return f"SameTenant({', '.join(shown)})"

    # What migrations call

    def constraint_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: "BaseDatabaseSchemaEditor"
    ) -> None:
        """Nothing inside CREATE TABLE; the key follows at the end of the migration."""
        if is_ours(schema_editor.connection):
            schema_editor.deferred_sql.append(_Later(self, model))

    def create_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: "BaseDatabaseSchemaEditor"
    ) -> Any:
        if not is_ours(schema_editor.connection):
            return None
        return as_text(add_tenant_key(self.key(model)))

    def remove_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: "BaseDatabaseSchemaEditor"
    ) -> Any:
        if not is_ours(schema_editor.connection):
            return None
        return as_text(drop_tenant_key(table_of(model), kept(str(self.name))))

    def key(self, model: type[Model]) -> TenantKey:
        """What it is in the database. Raises ConfigurationError for what it cannot be."""
        field, tenant = self._own(model, self.field), self._own(model, self.tenant)
        parent = field.remote_field.model
        parent_tenant = self._foreign_key(parent, self.parent_tenant)
        if not _same_model(tenant, parent_tenant):
            raise ConfigurationError(
                f"{self!r} of {model._meta.label}: {self.tenant!r} leads to "
                f"{_leads_to(tenant)}, and {parent._meta.label}.{self.parent_tenant} to "
                f"{_leads_to(parent_tenant)}. Name the foreign keys to the tenant."
            )
        # A child with a table of its own has its tenant in its parent's, under the same key.
        holder = parent_tenant.model
        target = field.target_field
        if target.model is not holder:
            if not target.primary_key:
                raise ConfigurationError(
                    f"{self!r} of {model._meta.label}: {parent._meta.label} has its tenant in the "
                    f"table of {holder._meta.label}, and to_field is in another one. Leave "
                    "to_field out."
                )
            target = holder._meta.pk
        return TenantKey(
            name=kept(str(self.name)),
            table=table_of(model),
            tenant=kept(tenant.column),
            key=kept(field.column),
            parent=table_of(holder),
            parent_tenant=kept(parent_tenant.column),
            parent_key=kept(target.column),
        )

    def _own(self, model: type[Model], name: str) -> Any:
        field = self._foreign_key(model, name)
        if field.model._meta.db_table != model._meta.db_table:
            raise ConfigurationError(
                f"{self!r} of {model._meta.label}: {name!r} is in the table of "
                f"{field.model._meta.label}, and a key is of one table. Declare it there."
            )
        return field

    def _foreign_key(self, model: type[Model], name: str) -> Any:
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            field = None
        if not isinstance(field, ForeignKey):
            raise ConfigurationError(
                f"{self!r}: {model._meta.label} has no foreign key {name!r}. Name the foreign key "
                "in question, and those to the tenant by tenant= and parent_tenant=."
            )
        return field

    # What forms and full_clean() call

    def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: Iterable[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """
        Raise ValidationError if the key leads to another tenant's row.

        With the field's own message for a row that is not there: it tells nobody that it is.
        """
        field: Any = model._meta.get_field(self.field)
        tenant: Any = model._meta.get_field(self.tenant)
        if exclude and field.name in exclude:
            return
        value, own = getattr(instance, field.attname), getattr(instance, tenant.attname)
        if value is None or own is None:
            return
        if not leads_into(field, instance, own, self.parent_tenant, using):
            raise ValidationError({field.name: invalid(field, value)})


def leads_into(field: Any, instance: Model, tenant: Any, parent_tenant: str, using: str) -> bool:
    """Whether the key *field* of *instance* leads to a row of *tenant*, a tenant's key."""
    parent = field.remote_field.model
    column = parent._meta.get_field(parent_tenant)
    if field.is_cached(instance):
        row = field.get_cached_value(instance)
        return row is not None and _equal(column, getattr(row, column.attname), tenant)
    value = getattr(instance, field.attname)
    rows = parent._base_manager.using(using)
    found = rows.filter(**{field.target_field.name: value, column.attname: tenant})
    return bool(found.exists())


def invalid(field: Any, value: Any) -> ValidationError:
    """Django's error for a foreign key whose row is not there."""
    return ValidationError(
        field.error_messages["invalid"],
        code="invalid",
        params={
            "model": field.remote_field.model._meta.verbose_name,
            "pk": value,
            "field": field.remote_field.field_name,
            "value": value,
        },
    )


def _equal(column: Any, one: Any, other: Any) -> bool:
    key = column.target_field
    return bool(key.to_python(one) == key.to_python(other))


def _same_model(one: Any, other: Any) -> bool:
    return _leads_to(one) == _leads_to(other)


def _leads_to(field: Any) -> str:
    model = field.remote_field.model
    return str((model._meta.concrete_model or model)._meta.label)


class _Later(Reference):
    """The statements of a key on a table that the same migration makes."""

    def __init__(self, constraint: SameTenant, model: type[Model]) -> None:
        self.constraint = constraint
        self.model = model
        self.table = model._meta.db_table

    def references_table(self, table: str) -> bool:
        return self.table == table

    def rename_table_references(self, old_table: str, new_table: str) -> None:
        if self.table == old_table:
            self.table = new_table

    def __str__(self) -> str:
        self.model._meta.db_table = self.table
        return as_text(add_tenant_key(self.constraint.key(self.model)))
