"""The tenant of the context, for the ORM: its value, and the condition that names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, FullResultSet, ValidationError
from django.core.signals import setting_changed
from django.db.models import F, ForeignKey, Lookup, Model
from django.db.models.expressions import Col
from django.db.models.sql.where import AND, WhereNode

from rls_perms.conf import get_settings
from rls_perms.context import Asker, current
from rls_perms.policies.constraint import declaration


def tenant_of_context() -> str | None:
    """
    The key of the tenant that rows must have, as text; None where nothing limits them to one.

    Nothing does without a context, without a tenant in it, and for the system.
    """
    source = current.get()
    if source is None:
        return None
    context = source.entered().context
    return None if context.asker is Asker.SYSTEM else context.tenant


def given_tenant(field: "ForeignKey[Any, Any]") -> Any:
    """
    The key of the context's tenant, as *field* holds it, for a row that has none.

    The system's too: ``as_tenant`` inside of ``as_system`` says whose the new rows are.
    """
    source = current.get()
    tenant = None if source is None else source.entered().context.tenant
    return None if tenant is None else field.target_field.to_python(tenant)


def own_tenant_field(model: type[Model]) -> "ForeignKey[Any, Any] | None":
    """
    The foreign key to the tenant that the floor of *model* names.

    None where the model has no floor, or one across other tables.
    """
    declared = declaration(model._meta.concrete_model or model)
    if declared is None or declared.tenant is None:
        return None
    try:
        field: Any = model._meta.get_field(declared.tenant)
    except FieldDoesNotExist:  # a path, as document__tenant
        return None
    return field if isinstance(field, ForeignKey) else None


class TenantIs(Lookup):
    """
    A column holds the tenant of the context that is in force when the statement runs.

    No condition at all where nothing limits the rows to one tenant, and where PostgreSQL has
    to say what is wrong: no context, a key that the column cannot hold.
    """

    lookup_name = "is_tenant_of_context"
    prepare_rhs = False

    def __init__(self, lhs: Any, rhs: None = None) -> None:
        super().__init__(lhs, rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        tenant = _asked(connection)
        if tenant is None:
            raise FullResultSet
        equal = self.lhs.output_field.get_lookup("exact")
        try:
            compiled: tuple[str, Any] = compiler.compile(equal(self.lhs, tenant))
        except (ValidationError, ValueError, TypeError) as error:
            raise FullResultSet from error
        return compiled


def _asked(connection: Any) -> str | None:
    """What ``tenant_of_context()`` says, while a statement is being compiled."""
    if connection.alias == get_settings().owner_database:
        return None  # no context has a say there
    outside = getattr(connection, "outside_statement", None)
    if outside is None:
        return tenant_of_context()
    with outside():
        return tenant_of_context()


# What the compiler adds where no manager does: joins, and queries by a base manager.


@cache
def _filtered_tables() -> dict[str, "ForeignKey[Any, Any]"]:
    """The tables of models with a TenantManager whose rows are one tenant's: table -> key."""
    from rls_perms.querysets import TenantManager

    found = {}
    for model in apps.get_models():
        if model._meta.proxy:
            continue
        if not any(isinstance(one, TenantManager) for one in model._meta.managers):
            continue
        field = filtering_field(model)
        if field is not None and field.model is model:
            found[model._meta.db_table] = field
    return found


def filtering_field(model: type[Model]) -> "ForeignKey[Any, Any] | None":
    """The key by which queries on *model* are filtered; None if other tenants' rows show, too."""
    field = own_tenant_field(model)
    if field is None:
        return None
    declared = declaration(model._meta.concrete_model or model)
    if declared is None or any(getattr(one, "shared", False) for one in declared.policies):
        return None
    # Not everybody may read the column: naming it would be denied.
    hidden = any(one.view is not None and field.name in one.fields for one in declared.columns)
    return None if hidden else field


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in ("RLS_PERMS", "INSTALLED_APPS"):
        _filtered_tables.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rls_perms.tenants")


@contextmanager
def filtered(query: Any) -> Iterator[None]:
    """Let *query* name the tenant, too, where it begins at a table that ``TenantManager`` has."""
    before = query.where
    condition = _of_base(query)
    if condition is not None:
        query.where = WhereNode([before, condition], connector=AND)  # type: ignore[list-item]
    try:
        yield
    finally:
        query.where = before


def _of_base(query: Any) -> TenantIs | None:
    tables = _filtered_tables()
    if not tables or query.model is None or query.combinator:
        return None
    if not query.alias_map:
        if query.get_meta().db_table not in tables:
            return None
        query.get_initial_alias()
    used = (alias for alias in query.alias_map if query.alias_refcount[alias])
    alias = next(used, next(iter(query.alias_map)))
    join = query.alias_map[alias]
    field = tables.get(join.table_name)
    if field is None or join.parent_alias is not None or _is_named(query.where, alias):
        return None
    return TenantIs(Col(alias, field))


def _is_named(where: Any, alias: str) -> bool:
    for child in where.children:
        if isinstance(child, TenantIs):
            if getattr(child.lhs, "alias", None) == alias:
                return True
        elif (
            isinstance(child, WhereNode)
            and child.connector == AND
            and not child.negated
            and _is_named(child, alias)
        ):
            return True
    return False


@contextmanager
def filtered_joins(query: Any) -> Iterator[None]:
    """Let each join of *query* to such a table name the tenant, in its ON clause."""
    tables = _filtered_tables()
    joins = [
        join
        for join in query.alias_map.values()
        if join.parent_alias is not None
        and join.table_name in tables
        and join.filtered_relation is None
    ]
    for join in joins:
        join.filtered_relation = TenantIs(Col(join.table_alias, tables[join.table_name]))
    try:
        yield
    finally:
        for join in joins:
            join.filtered_relation = None


def tenant_is(model: type[Model]) -> TenantIs | None:
    """The condition for a queryset on *model*; None if its rows are not one tenant's."""
    field = filtering_field(model)
    return None if field is None else TenantIs(F(field.name))
