-- The keys of the rows that guardian grants to whoever asks. Policies call this rather than read
-- the views: PostgreSQL puts the query into its place when it plans, and only where it is needed,
-- so that whoever holds the permission pays nothing for grants. For that it has no SET, and the
-- rights of whoever asks.
CREATE OR REPLACE FUNCTION {function}() RETURNS TABLE (object_id {type}, object_text text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    {keys};
END;
COMMENT ON FUNCTION {function}() IS 'rls_perms reader';
REVOKE ALL ON FUNCTION {function}() FROM PUBLIC;
