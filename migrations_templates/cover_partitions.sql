-- Enable row level security on the partitions of one table, and theirs, and on tables that
-- inherit from it. Without a policy of their own nobody but the owner finds a row in one that is
-- queried directly; through the table above, that one's policies decide. Not forced: the owner
-- archives and drops partitions, and must not find them empty.
CREATE OR REPLACE FUNCTION rls_perms.cover_partitions(target regclass) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    part regclass;
BEGIN
    FOR part IN
        WITH RECURSIVE below (oid) AS (
            SELECT inhrelid FROM pg_inherits WHERE inhparent = target
            UNION
            SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid
        )
        SELECT relation.oid
          FROM pg_class AS relation
          JOIN below ON below.oid = relation.oid
         -- A foreign table knows no row security; it is closed by its privileges alone.
         WHERE relation.relkind IN ('r', 'p')
           AND NOT relation.relrowsecurity
           AND pg_has_role(current_user, relation.relowner, 'USAGE')
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part);
    END LOOP;
END
$function$;
