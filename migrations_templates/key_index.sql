CREATE INDEX CONCURRENTLY {name} ON {table} ({holder}, {content_type}, ({key})) INCLUDE ({included});
