-- Rows that guardian grants to the user who asks, by key; a text that is no key is no grant.
CREATE OR REPLACE VIEW rls_perms.{view} WITH (security_barrier) AS
{keys};
