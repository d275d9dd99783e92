"""The declaration of a model: a constraint, so that Django's autodetector migrates it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.ddl_references import Reference
from django.db.models import BaseConstraint, Model
from django.db.models.fields.composite import CompositePrimaryKey
from psycopg import sql

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError
from rls_perms.identifiers import digest
from rls_perms.keywords import RoleKind
from rls_perms.policies.arms import Arms, arms
from rls_perms.policies.compile import Compiler, key_kind, roles_named, table_of
from rls_perms.policies.declared import ObjectPermissions, Policy
from rls_perms.roles import RoleNames
from rls_perms.state import Definition
from rls_perms.statements import row_security as text
from rls_perms.statements.grant_triggers import forget
from rls_perms.statements.grant_views import empty_view
from rls_perms.statements.render import joined
from rls_perms.statements.render import text as as_text

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

DEFAULT_NAME = "%(app_label)s_%(class)s_rls"


class RowSecurity(BaseConstraint):
    """
    Row level security of a model, for ``Meta.constraints``.

    *tenant* names the foreign key to the tenant (or a path to one, as
    ``invoice__tenant``): without that tenant in the context no row is shown, whatever
    the policies say. *policies* are ``Policy`` and ``ObjectPermissions``; without any
    permissive one, whoever holds a permission has it on all rows of the tenant.

    See https://www.postgresql.org/docs/current/ddl-rowsecurity.html.
    """

    def __init__(
        self,
        *,
        tenant: str | None = None,
        policies: Sequence[Policy | ObjectPermissions] = (),
        name: str = DEFAULT_NAME,
    ) -> None:
        super().__init__(name=name)
        if tenant is not None and (not isinstance(tenant, str) or not tenant):
            raise TypeError(
                f"RowSecurity(tenant={tenant!r}) takes the name of a foreign key. "
                "Write tenant='tenant', or leave it out for a model without tenants."
            )
        for policy in policies:
            if not isinstance(policy, (Policy, ObjectPermissions)):
                raise TypeError(
                    f"RowSecurity(policies=[{policy!r}]) takes Policy(...) and "
                    "ObjectPermissions(), nothing else."
                )
        self.tenant = tenant
        self.policies = tuple(policies)

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
        return self.deconstruct() == other.deconstruct()

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
        fields = {"declaration": self.name, "digest": digest(repr(self), 16)}
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
        """Drop the policies. Row security stays on, so that no row is shown to anybody."""
        if not is_ours(schema_editor.connection):
            return None
        table = table_of(model)
        dropped = [text.drop_policies(table), text.forget_triggers(table), forget(table)]
        return as_text(joined(dropped, "\n"))

    def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: Iterable[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Forms say nothing of row security: PostgreSQL says it when a row is written."""

    # The SQL

    def compiler(
        self, model: type[Model], connection: "BaseDatabaseWrapper", owner: str
    ) -> Compiler:
        if isinstance(model._meta.pk, CompositePrimaryKey):
            raise ConfigurationError(
                f"{model._meta.label} has a composite primary key, which RowSecurity does not "
                "support in this version. Give it a key of one column."
            )
        installed = catalog.in_force(connection)
        return Compiler(
            model=model,
            tenant=self.tenant,
            arms=self.arms,
            names=role_names(installed),
            owner=owner,
            guc_prefix=get_settings().guc_prefix,
            connection=connection,
        )

    def definition(self, model: type[Model], connection: "BaseDatabaseWrapper") -> Definition:
        """
        The SQL of the declaration, and a digest of it that is kept with the policies.

        It closes the table first: what roles held was for another declaration.
        """
        asking = catalog.check_credentials(connection)
        made = self.written(self.compiler(model, connection, asking.installed_by or asking.name))
        closed = as_text(text.close_table(table_of(model), get_settings().login_roles))
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
        model, table = compiler.model, compiler.table
        unbound = (compiler.owner, compiler.names.fixed(RoleKind.SYSTEM))
        return [
            *(
                text.ensure_role(name, str(mark))
                for name, mark in roles_named(compiler.arms, model, compiler.names).items()
            ),
            text.enable_row_security(table),
            text.drop_policies(table),
            *(empty_view(view, key_kind(model, compiler.connection)) for view in compiler.views()),
            *(text.create_policy(spec, table, self.mark) for spec in compiler.specs()),
            text.remember_new_rows(table, compiler.key.column, compiler.setting, unbound),
            # Sync makes them anew, as it fills the views: it knows the ids of permissions.
            forget(table),
        ]


class _Later(Reference):
    """
    The SQL of a declaration on a table that the same migration makes.

    It is written when it is run, so that columns, keys and the table's final name count.
    """

    def __init__(
        self, declaration: RowSecurity, model: type[Model], editor: "BaseDatabaseSchemaEditor"
    ) -> None:
        self.declaration = declaration
        self.model = model
        self.editor = editor
        self.table = model._meta.db_table

    def references_table(self, table: str) -> bool:
        return self.table == table

    def rename_table_references(self, old_table: str, new_table: str) -> None:
        if self.table == old_table:
            self.table = new_table

    def __str__(self) -> str:
        self.model._meta.db_table = self.table
        return self.declaration.definition(self.model, self.editor.connection).sql


def role_names(installed: catalog.Installation) -> RoleNames:
    """The names of roles in a database, with those that settings give."""
    configured = {name: group.role for name, group in get_settings().group_roles.items()}
    return RoleNames(installed.prefix, installed.database, configured)


def is_ours(connection: "BaseDatabaseWrapper") -> bool:
    """Whether the alias is under the library's care, or its owner's."""
    conf = get_settings()
    return connection.alias in (*conf.databases, conf.owner_database)


def declaration(model: type[Model]) -> RowSecurity | None:
    """The declaration of *model* itself, None if it has none."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, RowSecurity):
            return constraint
    return None
