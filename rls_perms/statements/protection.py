"""Questions that a test asks: whether policies bind whoever runs it, and what a table has."""

from psycopg import sql

from rls_perms.statements.row_security import Table

#: Who runs this: name, SUPERUSER, BYPASSRLS, and whether they own a table with row security.
WHO = """
SELECT rolname, rolsuper, rolbypassrls,
       EXISTS (
           SELECT FROM pg_catalog.pg_class AS relation
            WHERE relation.relowner = role.oid AND relation.relrowsecurity
       )
  FROM pg_catalog.pg_roles AS role
 WHERE rolname = current_user
"""

#: Whether row security is on, and forced on the owner.
FLAGS = """
SELECT relrowsecurity, relforcerowsecurity
  FROM pg_catalog.pg_class
 WHERE oid = pg_catalog.to_regclass(%s)
"""

#: Whether a table has a policy of that name; without a name, one that is ours.
POLICY = """
SELECT true
  FROM pg_catalog.pg_policy
 WHERE polrelid = pg_catalog.to_regclass(%s)
   AND CASE WHEN %s::text IS NULL
            THEN pg_catalog.starts_with(pg_catalog.obj_description(oid, 'pg_policy'), 'rls_perms ')
            ELSE polname = %s
       END
"""


def count_rows(table: Table) -> sql.Composed:
    """How many rows of *table* are shown."""
    return sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(table.identifier())
