-- Keep with a table of ours what its policies are, in the comment of one of them: comments
-- follow a table that is renamed, dumped or cloned.
CREATE OR REPLACE FUNCTION rls_perms.seal(target regclass, made_of text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    mark text;
    sealed text;
BEGIN
    SELECT split_part(obj_description(oid, 'pg_policy'), E'\nsealed ', 1) INTO STRICT mark
      FROM pg_policy WHERE polrelid = target AND polname = 'system select';
    sealed := mark || E'\nsealed ' || made_of || ' ' || rls_perms.policy_digest(target);
    EXECUTE format('COMMENT ON POLICY "system select" ON %s IS %L', target, sealed);
END
$function$;
