DROP TRIGGER IF EXISTS {before} ON {table};
DROP TRIGGER IF EXISTS {after} ON {table};
