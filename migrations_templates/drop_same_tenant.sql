-- Drop a key that takes the tenant along, and the indexes that no such key refers to any more.
DO $$
DECLARE
    parent oid := (
        SELECT confrelid
          FROM pg_catalog.pg_constraint
         WHERE conrelid = {table_value}
           AND conname = {name_value}
    );
    index pg_catalog.regclass;
BEGIN
    ALTER TABLE {table} DROP CONSTRAINT {name};
    FOR index IN
        SELECT indexrelid::pg_catalog.regclass
          FROM pg_catalog.pg_index
         WHERE indrelid = parent
           AND pg_catalog.obj_description(indexrelid, 'pg_class') = {mark}
    LOOP
        BEGIN
            EXECUTE 'DROP INDEX ' OPERATOR(pg_catalog.||) index::text;
        EXCEPTION WHEN dependent_objects_still_exist THEN
            NULL;
        END;
    END LOOP;
END
$$;
