"""What a test database has more than others: roles of its own, and an eye on the auth tables."""

from collections.abc import Iterable

from psycopg import sql

from rls_perms.statements.changes import MEMBERSHIP_OPTIONS
from rls_perms.statements.render import qualified

TESTER = """
SELECT current_user::text, rolsuper, rolcreaterole OR rolsuper, rolcreatedb OR rolsuper
  FROM pg_catalog.pg_roles
 WHERE rolname = current_user
"""

MARKED = """
SELECT rolname::text, pg_catalog.shobj_description(oid, 'pg_authid')
  FROM pg_catalog.pg_roles
 WHERE pg_catalog.starts_with(rolname, %s)
"""

EXISTS = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s)
"""

AS_SESSION_USER = "SET ROLE NONE"

CHANGED = """
SELECT EXISTS (SELECT FROM rls_perms.auth_change)
"""

FORGET_CHANGES = """
DELETE FROM rls_perms.auth_change
"""

# A row for each transaction that changed something, rather than one that they would wait for.
_WATCH = """
CREATE TABLE IF NOT EXISTS rls_perms.auth_change (changed boolean NOT NULL);
CREATE OR REPLACE FUNCTION rls_perms.note_auth_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    INSERT INTO rls_perms.auth_change
    SELECT true WHERE NOT EXISTS (SELECT FROM rls_perms.auth_change);
    RETURN NULL;
END
$function$;
REVOKE EXECUTE ON FUNCTION rls_perms.note_auth_change() FROM PUBLIC;
"""

_WATCH_TABLE = """
CREATE OR REPLACE TRIGGER rls_perms_note_auth_change
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION rls_perms.note_auth_change();
"""

# Of users only what decides which of them count, not last_login at each login.
_WATCH_COLUMN = """
CREATE OR REPLACE TRIGGER {name}
AFTER UPDATE ON {table}
FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column})
EXECUTE FUNCTION rls_perms.note_auth_change();
"""


def stand_in(name: str, mark: str, *, exists: bool, owner: bool) -> sql.Composed:
    """Make the role that stands in for the owner or the login, if it does not exist."""
    role = sql.Identifier(name)
    parts = [] if exists else [sql.SQL("CREATE ROLE {} NOLOGIN").format(role)]
    parts.append(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, sql.Literal(mark)))
    if owner:
        parts.append(sql.SQL("ALTER ROLE {} CREATEROLE CREATEDB").format(role))
    return sql.SQL("; ").join(parts)


def let_become(name: str, tester: str, server_version: int) -> sql.Composed:
    """Let the login that runs tests become a role."""
    options = " WITH INHERIT FALSE, SET TRUE" if server_version >= MEMBERSHIP_OPTIONS else ""
    return sql.SQL("GRANT {} TO {}{}").format(
        sql.Identifier(name), sql.Identifier(tester), sql.SQL(options)
    )


def drop_role(name: str) -> sql.Composed:
    return sql.SQL("DROP ROLE {}").format(sql.Identifier(name))


def owned_by(owner: str) -> sql.Composed:
    """The clause of CREATE DATABASE that names its owner."""
    return sql.SQL("OWNER {}").format(sql.Identifier(owner))


def rename_installation(prefix: str, database: str) -> sql.Composed:
    """Give a clone names of its own, in place of those of its source."""
    return sql.SQL("UPDATE rls_perms.installation SET prefix = {}, database = {}").format(
        sql.Literal(prefix), sql.Literal(database)
    )


def watch(tables: Iterable[str], users: str, columns: Iterable[str]) -> sql.Composed:
    """Note each change of *tables*, as ``schema.table``, and of *columns* of *users*."""
    return sql.Composed(
        [
            sql.SQL(_WATCH),
            *(sql.SQL(_WATCH_TABLE).format(table=_table(table)) for table in tables),
            *(
                sql.SQL(_WATCH_COLUMN).format(
                    name=sql.Identifier(f"rls_perms_note_{column}"),
                    table=_table(users),
                    column=sql.Identifier(column),
                )
                for column in columns
            ),
        ]
    )


def _table(name: str) -> sql.Identifier:
    schema, _, table = name.rpartition(".")
    return qualified(schema, table)
