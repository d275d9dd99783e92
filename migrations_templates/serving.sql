-- The logins that may become the session role of a combination: those that serve its tenant.
CREATE OR REPLACE FUNCTION rls_perms.serving(asked text) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH share (login, part) AS (
        {shares}
    ), found AS (
        SELECT part FROM unnest(string_to_array(asked, ',')) AS part WHERE part LIKE 't%'
    )
    SELECT ARRAY(
        SELECT one.login
          FROM unnest({logins}) AS one (login)
         WHERE NOT EXISTS (SELECT FROM found)
            OR CASE
                   WHEN EXISTS (SELECT FROM share JOIN found USING (part))
                   THEN EXISTS (
                       SELECT FROM share JOIN found USING (part) WHERE share.login = one.login
                   )
                   ELSE one.login <> ALL ({apart})
               END
    )
$function$;
