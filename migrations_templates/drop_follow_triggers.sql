DROP TRIGGER IF EXISTS {insert} ON {table};
DROP TRIGGER IF EXISTS {delete} ON {table};
DROP TRIGGER IF EXISTS {update} ON {table};
DROP TRIGGER IF EXISTS {truncate} ON {table};
