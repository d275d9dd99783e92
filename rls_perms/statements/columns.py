"""The question which columns a role may read and change, and whether a value is the stored one."""

# Of these columns, those that exist, and whether the asking role may read and change them.
PRIVILEGES = """
SELECT wanted.name, wanted.column_name,
       pg_catalog.has_column_privilege(attribute.attrelid, attribute.attnum, 'SELECT'),
       pg_catalog.has_column_privilege(attribute.attrelid, attribute.attnum, 'UPDATE')
  FROM ROWS FROM (
           pg_catalog.unnest(%(names)s::text[]),
           pg_catalog.unnest(%(tables)s::text[]),
           pg_catalog.unnest(%(columns)s::text[])
       ) AS wanted (name, table_name, column_name)
  JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = pg_catalog.to_regclass(wanted.table_name)
   AND attribute.attname = wanted.column_name
"""

#: Whether two values are the same, NULL too.
SAME = " IS NOT DISTINCT FROM "

#: A text byte by byte: a collation, or citext, may take different ones for equal.
BYTES = '(%(expressions)s)::text COLLATE "C"'
