-- No policy is left. Nobody but the owner has a row, and the owner all of them: FORCE would hide them
-- from migrations, and from the check of a new foreign key.
ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
