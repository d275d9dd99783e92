"""The statements about what another library made: its policies, and terms of its raw SQL."""

from psycopg import sql

from rls_perms.identifiers import kept
from rls_perms.statements.render import template
from rls_perms.statements.row_security import Table


def drop_foreign_policy(name: str, table: Table) -> sql.Composed:
    """DROP POLICY IF EXISTS; PostgreSQL has cut a name of more than 63 bytes."""
    return template(
        "drop_foreign_policy", name=sql.Identifier(kept(name)), table=table.identifier()
    )


def tenant_value() -> sql.Composed:
    """The tenant of the context, of its key's type; NULL where there is none."""
    return sql.SQL("(SELECT {}.tenant_id())").format(sql.Identifier("rls_perms"))


def is_tenants(column: str, table: str | None) -> sql.Composed:
    """Whether *column*, of *table* if it is said, is the tenant of the context."""
    named = sql.Identifier(column) if table is None else sql.Identifier(table, column)
    return sql.SQL("{} = {}").format(named, tenant_value())


#: Whether the statement runs as the system: by the mark of the role, which anybody may read.
IS_SYSTEM = """\
(SELECT pg_catalog.count(*) > 0
   FROM pg_catalog.pg_roles AS role,
        pg_catalog.shobj_description(role.oid, 'pg_authid') AS mark
  WHERE role.rolname = current_user
    AND pg_catalog.starts_with(mark, 'rls_perms ')
    AND pg_catalog.strpos(mark, '"kind": "system"') > 0)"""
