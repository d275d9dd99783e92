"""The statements of a foreign key that takes the tenant along."""

from dataclasses import dataclass

from psycopg import sql

from rls_perms.identifiers import shortened
from rls_perms.statements.render import qualified, template
from rls_perms.statements.row_security import Table

#: The comment of an index that is ours to drop.
MARK = "rls_perms tenant key"


@dataclass(frozen=True, slots=True)
class TenantKey:
    """A column that refers to rows of another table, and the tenants on both sides."""

    name: str
    table: Table
    tenant: str
    key: str
    parent: Table
    parent_tenant: str
    parent_key: str

    @property
    def index(self) -> str:
        """The name of the unique index that it refers to, shared by all keys to that table."""
        parts = (self.parent.schema, self.parent.name, self.parent_tenant, self.parent_key)
        return shortened(f"{self.parent.name}_tenant_key", distinct=".".join(parts))


def add_tenant_key(key: TenantKey) -> sql.Composed:
    return (
        template(
            "tenant_key",
            index=sql.Identifier(key.index),
            parent=key.parent.identifier(),
            parent_tenant=sql.Identifier(key.parent_tenant),
            parent_key=sql.Identifier(key.parent_key),
            qualified=qualified(key.parent.schema, key.index),
            mark=sql.Literal(MARK),
        )
        + sql.SQL("\n")
        + template(
            "same_tenant",
            name=sql.Identifier(key.name),
            table=key.table.identifier(),
            tenant=sql.Identifier(key.tenant),
            key=sql.Identifier(key.key),
            parent=key.parent.identifier(),
            parent_tenant=sql.Identifier(key.parent_tenant),
            parent_key=sql.Identifier(key.parent_key),
        )
    )


def drop_tenant_key(table: Table, name: str) -> sql.Composed:
    """By its name alone: what it referred to may have another one by now."""
    return template(
        "drop_same_tenant",
        name=sql.Identifier(name),
        name_value=sql.Literal(name),
        table=table.identifier(),
        table_value=table.value(),
        mark=sql.Literal(MARK),
    )
