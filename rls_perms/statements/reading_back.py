"""Questions to PostgreSQL's catalogs about the policies of tables, for a person who reads them."""

ROW_SECURITY = """
SELECT schema.nspname::text, relation.relname::text,
       relation.relrowsecurity, relation.relforcerowsecurity
  FROM pg_catalog.pg_class AS relation
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
 WHERE relation.relkind IN ('r', 'p')
"""

# Of pg_policies, but with the command as a word that CREATE POLICY has.
POLICIES = """
SELECT schemaname::text, tablename::text, policyname::text, permissive = 'PERMISSIVE', cmd,
       roles::text[], qual, with_check
  FROM pg_catalog.pg_policies
 ORDER BY schemaname, tablename, policyname COLLATE "C"
"""

TRIGGERS = """
SELECT schema.nspname::text, relation.relname::text, one.tgname::text
  FROM pg_catalog.pg_trigger AS one
  JOIN pg_catalog.pg_class AS relation ON relation.oid = one.tgrelid
  JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
 WHERE one.tgname = ANY (%(names)s) AND one.tgenabled <> 'D'
"""

EXISTING_ROLES = """
SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname = ANY (%(names)s)
"""
