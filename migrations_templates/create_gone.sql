-- What a transaction deleted that let its user delete the row right after it, as Django does: the
-- child of a multi-table model before the parent's part, a grant by foreign key before its row.
CREATE TABLE IF NOT EXISTS rls_perms.gone (
    transaction xid8 NOT NULL,
    source text NOT NULL,
    key text NOT NULL,
    holder text NOT NULL
);
