"""The declaration of a model: a constraint, so that Django's autodetector migrates it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.ddl_references import Statement
from django.db.models import BaseConstraint, Model
from psycopg import sql

from rls_perms import catalog
from rls_perms.canonical import canonical
from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError
from rls_perms.identifiers import digest
from rls_perms.keywords import RoleKind
from rls_perms.policies import through
from rls_perms.policies.arms import Arms, arms
from rls_perms.policies.columns import kept_columns
from rls_perms.policies.compile import (
    Compiler,
    key_kind,
    refuse_composite_key,
    roles_named,
    table_of,
)
from rls_perms.policies.declared import ColumnPermissions, ObjectPermissions, Policy
from rls_perms.policies.protected import protected
from rls_perms.policies.reach import Reach
from rls_perms.roles import RoleNames
from rls_perms.state import Definition
from rls_perms.statements import row_security as text
from rls_perms.statements.conditions import readers_sql
from rls_perms.statements.grant_triggers import forget
from rls_perms.statements.grant_views import empty_view
from rls_perms.statements.render import joined
from rls_perms.statements.render import text as as_text

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

DEFAULT_NAME = "%(app_label)s_%(class)s_rls"
#: What to do about a declaration on a proxy.
ON_CONCRETE = (
    "Declare RowSecurity there; a proxy whose Meta inherits that model's says constraints = []."
)


class RowSecurity(BaseConstraint):
    """
    Row level security of a model, for ``Meta.constraints``.

    *tenant* names the foreign key to the tenant (or a path to one, as
    ``invoice__tenant``): without that tenant in the context no row is shown, whatever
    the policies say. *policies* are ``Policy``, ``ObjectPermissions`` and
    ``ColumnPermissions``; without any permissive policy, whoever holds a permission has it on
    all rows of the tenant.

    See https://www.postgresql.org/docs/current/ddl-rowsecurity.html.
    """

    def __init__(
        self,
        *,
        tenant: str | None = None,
        policies: Sequence[Policy | ObjectPermissions | ColumnPermissions] = (),
        name: str = DEFAULT_NAME,
    ) -> None:
        super().__init__(name=name)
        if tenant is not None and (not isinstance(tenant, str) or not tenant):
            raise TypeError(
                f"RowSecurity(tenant={tenant!r}) takes the name of a foreign key. "
                "Write tenant='tenant', or leave it out for a model without tenants."
            )
        for policy in policies:
            if not isinstance(policy, (Policy, ObjectPermissions, ColumnPermissions)):
                raise TypeError(
                    f"RowSecurity(policies=[{policy!r}]) takes Policy(...), ObjectPermissions() "
                    "and ColumnPermissions(...), nothing else."
                )
        self.tenant = tenant
        self.policies = tuple(policies)
        #: Kept apart, since every SELECT of the ORM asks for it.
        self.columns = tuple(one for one in policies if isinstance(one, ColumnPermissions))

    # A value, as every constraint

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {"name": self.name}
        if self.tenant is not None:
            kwargs["tenant"] = self.tenant
        if self.policies:
            kwargs["policies"] = list(self.policies)
        return "rls_perms.RowSecurity", (), kwargs

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RowSecurity):
            return NotImplemented
        return canonical(self) == canonical(other)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        _, _, kwargs = self.deconstruct()
        return f"RowSecurity({', '.join(f'{name}={value!r}' for name, value in kwargs.items())})"

    @property
    def arms(self) -> Arms:
        return arms(self.policies)

    @property
    def mark(self) -> str:
        """The comment of each of its policies: whose they are, and of what declaration."""
        fields = {"declaration": self.name, "digest": digest(canonical(self), 16)}
        return "rls_perms " + json.dumps(fields)

    # What migrations call

    def constraint_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: "BaseDatabaseSchemaEditor"
    ) -> None:
        """
        Nothing inside CREATE TABLE; the policies follow at the end of the migration.

        Until then nobody but the owner has a privilege on the new table.
        """
        if is_ours(schema_editor.connection):
            schema_editor.deferred_sql.append(_Later(self, model, schema_editor))

    def create_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: "BaseDatabaseSchemaEditor"
    ) -> Any:
        """Everything that the declaration needs, as text without parameters."""
        if not is_ours(schema_editor.connection):
            return None
        return self.definition(model, schema_editor.connection).sql

    def remove_sql(  # type: ignore[override]
        self, model: type[Model], schema_editor: "BaseDatabaseSchemaEditor"
    ) -> Any:
        """Drop the policies. Row security stays on, so that no row is shown to others."""
        if not is_ours(schema_editor.connection):
            return None
        table = table_of(model)
        return as_text(
            joined([text.clear_table(table, ()), text.stop_forcing(table), forget(table)], "\n")
        )

    def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: Iterable[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Forms say nothing of row security: PostgreSQL says it when a row is written."""

    # The SQL

    def reach(self, model: type[Model]) -> Reach:
        return Reach(model, self.tenant, self.arms)

    def compiler(
        self, model: type[Model], connection: "BaseDatabaseWrapper", owner: str
    ) -> Compiler:
        concrete = model._meta.concrete_model
        if concrete is not None and concrete is not model:
            raise ConfigurationError(
                f"{model._meta.label} is a proxy: its rows are those of {concrete._meta.label}. "
                f"{ON_CONCRETE}"
            )
        kept_columns(model, self.columns)
        if self.arms.object_grants:
            refuse_composite_key(model)
        installed = catalog.in_force(connection)
        return Compiler(
            model=model,
            tenant=self.tenant,
            arms=self.arms,
            names=role_names(installed),
            owner=owner,
            guc_prefix=get_settings().guc_prefix,
            connection=connection,
            signed=get_settings().signed_context,
        )

    def definition(self, model: type[Model], connection: "BaseDatabaseWrapper") -> Definition:
        """
        The SQL of the declaration, and a digest of it that is kept with the policies.

        It closes the table first: what roles held was for another declaration.
        """
        asking = catalog.check_credentials(connection)
        made = self.written(self.compiler(model, connection, asking.installed_by or asking.name))
        logins = get_settings().logins_of(connection.alias)
        closed = as_text(text.close_table(table_of(model), logins))
        return replace(made, sql=f"{closed}\n{made.sql}")

    def written(self, compiler: Compiler) -> Definition:
        """What *compiler* makes of the declaration, for a sync, which keeps the table open."""
        model, table = compiler.model, compiler.table
        made = as_text(joined(self._statements(compiler), "\n"))
        fingerprint = digest(made, 16)
        return Definition(
            f"policies of {model._meta.label}",
            fingerprint,
            f"{made}\n{as_text(text.seal(table, fingerprint))}",
        )

    def _statements(self, compiler: Compiler) -> list[sql.Composed]:
        """All that the declaration needs, in order: roles, views, policies, triggers."""
        model, table, mark = compiler.model, compiler.table, self.mark
        unbound = (compiler.owner, compiler.names.fixed(RoleKind.SYSTEM))
        readers = compiler.readers()
        # They keep who may call them.
        names = sorted(reader.name for reader in readers)
        return [
            *(
                text.ensure_role(name, str(mark))
                for name, mark in roles_named(compiler.arms, model, compiler.names).items()
            ),
            text.enable_row_security(table),
            text.cover_partitions(table),
            # A table that was renamed has a function and views of the old name.
            text.clear_table(table, [text.new_row_function(table), *compiler.views(), *names]),
            *(empty_view(view, key_kind(model, compiler.connection)) for view in compiler.views()),
            *readers_sql(readers),
            *(text.create_policy(spec, table, mark) for spec in compiler.specs()),
            text.remember_new_rows(table, compiler.key, unbound, compiler.seal),
            # Sync makes them anew, as it fills the views: it knows the ids of permissions.
            forget(table),
        ]


class _Later(Statement):
    """
    The SQL of a declaration on a table that the same migration makes.

    It is written when it is run: of columns, keys, names and declarations the last count. Where
    the table is dropped again, Django drops this, too.
    """

    def __init__(
        self, declared: RowSecurity, model: type[Model], editor: "BaseDatabaseSchemaEditor"
    ) -> None:
        super().__init__("")
        self.declared = declared
        self.model = model
        self.editor = editor
        self.table = model._meta.db_table

    def references_table(self, table: str) -> bool:
        return self.table == table

    def rename_table_references(self, old_table: str, new_table: str) -> None:
        if self.table == old_table:
            self.table = new_table

    def __str__(self) -> str:
        for model in self.model._meta.apps.get_models(include_auto_created=True):
            if model._meta.db_table == self.table and not model._meta.proxy:
                declared = declaration(model)
                break
        else:
            # SeparateDatabaseAndState has a state of its own, which knows no later name.
            model, declared = self.model, self.declared
            model._meta.db_table = self.table
        if declared is None:
            return "-- Its declaration was removed again."
        return declared.definition(model, self.editor.connection).sql


def role_names(installed: catalog.Installation) -> RoleNames:
    """The names of roles in a database, with those that settings give."""
    configured = {name: group.role for name, group in get_settings().group_roles.items()}
    return RoleNames(installed.prefix, installed.database, configured)


def is_ours(connection: "BaseDatabaseWrapper") -> bool:
    """Whether the alias is under the library's care, or its owner's."""
    return connection.alias in get_settings().all_aliases


class _OfLinks(RowSecurity):
    """What is declared of a table that Django makes for a many-to-many field."""

    @property
    def arms(self) -> Arms:
        return through.of_links(super().arms)


def declaration(model: type[Model]) -> RowSecurity | None:
    """
    The declaration of *model* itself, in its Meta or by ``protect``; None if it has none.

    A table that Django makes for a many-to-many field follows from those of its ends.
    """
    for declared in in_meta(model):
        return declared
    return protected(model) or _of_ends(model)


def in_meta(model: type[Model]) -> list[RowSecurity]:
    """What the Meta of *model* declares: one, unless it is a mistake; ``protect`` is not asked."""
    return [one for one in model._meta.constraints if isinstance(one, RowSecurity)]


def _of_ends(model: type[Model]) -> RowSecurity | None:
    ends = through.ends(model)
    if ends is None:
        return None
    found = {end.related_model: declaration(end.related_model) for end in ends}
    declared = {one: its for one, its in found.items() if its is not None}
    if not declared:
        return None
    tenants = [
        f"{end.name}__{declared[end.related_model].tenant}"
        for end in ends
        if end.related_model in declared and declared[end.related_model].tenant is not None
    ]
    return _OfLinks(
        name=f"{model._meta.app_label}_{model._meta.model_name}_rls",
        tenant=tenants[0] if tenants else None,
        policies=through.policies(*ends, set(declared)),
    )


def protected_ends(model: type[Model]) -> list[type[Model]]:
    """The models with a declaration that *model* relates as ``through`` of a many-to-many field."""
    fields = [one.field for one in _related(model) if one.field.remote_field.through is model]
    found = [end for field in fields for end in (field.model, field.related_model)]
    return [end for end in dict.fromkeys(found) if declaration(end) is not None]


def _related(model: type[Model]) -> Iterable[Any]:
    """The many-to-many relations of the models that *model* has foreign keys to."""
    for key in model._meta.concrete_fields:
        if key.related_model is not None:
            related = key.related_model._meta.related_objects
            yield from (one for one in related if one.many_to_many)
            own = key.related_model._meta.many_to_many
            yield from (one.remote_field for one in own)
