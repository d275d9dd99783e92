-- The role for which a statement is planned: whose policies it got, and whose privileges it is
-- checked for. Not truly immutable, and so a constant in the plan, whatever the role is by the time
-- that it runs; PostgreSQL plans what has row security anew for each role.
CREATE OR REPLACE FUNCTION rls_perms.planned_role() RETURNS name
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN current_user;
