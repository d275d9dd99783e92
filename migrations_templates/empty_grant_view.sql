-- Object grants of the user who asks; none until sync knows the ids of the permissions.
CREATE OR REPLACE VIEW rls_perms.{view} WITH (security_barrier) AS
SELECT NULL::{type} AS object_id, NULL::text AS object_text WHERE false;
