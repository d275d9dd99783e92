-- The home of everything that the library keeps in a database, the owner's alone.
CREATE SCHEMA IF NOT EXISTS rls_perms;
