-- In which form whoever asks, and what is asked, is compared with grants the fastest. IMMUTABLE,
-- though it looks: so PostgreSQL asks when it plans, and keeps the form that was chosen alone. All
-- forms say the same of every row, so that a plan kept for longer, and a comment that is forged,
-- change what a statement costs and not what it shows. The text of the statement is looked at for
-- that comment, and only where many rows are granted.
CREATE OR REPLACE FUNCTION {function}(action text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $function$
DECLARE
    asked text;
BEGIN
    {by_action}
    RETURN 'listed';
END
$function$;
COMMENT ON FUNCTION {function}(text) IS 'rls_perms reader';
REVOKE ALL ON FUNCTION {function}(text) FROM PUBLIC;
