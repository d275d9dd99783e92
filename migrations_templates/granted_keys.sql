-- The keys that guardian grants to whoever asks. PostgreSQL puts this query into its place when it
-- plans, and only where it is needed: who holds the permission pays nothing for grants. So no SET.
CREATE OR REPLACE FUNCTION {function}() RETURNS TABLE (object_id {type}, object_text text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    {keys};
END;
COMMENT ON FUNCTION {function}() IS 'rls_perms reader';
REVOKE ALL ON FUNCTION {function}() FROM PUBLIC;
