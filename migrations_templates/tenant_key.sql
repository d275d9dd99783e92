-- What a key that takes the tenant along refers to; the comment tells whose it is.
CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {parent} ({parent_tenant}, {parent_key});
COMMENT ON INDEX {qualified} IS {mark};
