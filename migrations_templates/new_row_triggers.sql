-- Last of the BEFORE triggers, so that it sees the key that will be stored.
CREATE OR REPLACE TRIGGER {before} BEFORE INSERT ON {table}
    FOR EACH ROW WHEN (current_user NOT IN ({unbound}))
    EXECUTE FUNCTION rls_perms.{function}();
-- After an UPDATE, too: one that moves a row to another partition inserts it there.
CREATE OR REPLACE TRIGGER {after} AFTER INSERT OR UPDATE ON {table}
    FOR EACH STATEMENT WHEN (
        current_user NOT IN ({unbound})
        AND pg_catalog.current_setting({remembered}, true) <> ''
    )
    EXECUTE FUNCTION rls_perms.forget_new_row({settings});
