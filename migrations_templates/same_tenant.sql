-- A row refers to rows of its own tenant alone, whoever writes it.
ALTER TABLE {table} ADD CONSTRAINT {name}
    FOREIGN KEY ({tenant}, {key}) REFERENCES {parent} ({parent_tenant}, {parent_key})
    DEFERRABLE INITIALLY DEFERRED;
