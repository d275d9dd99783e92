-- Whether a trusted policy holds for a row, found out as the owner: it sees all rows, whoever asks.
CREATE OR REPLACE FUNCTION {function}({arguments}) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    {select};
END;
COMMENT ON FUNCTION {function}({arguments}) IS 'rls_perms reader';
REVOKE ALL ON FUNCTION {function}({arguments}) FROM PUBLIC;
