CREATE POLICY {name} ON {table}
    AS {kind}
    FOR {command}
    TO {roles}{clauses};
