-- Rows that guardian grants to the user who asks, by key; a text that is no key is no grant.
CREATE OR REPLACE VIEW rls_perms.{view} WITH (security_barrier) AS
SELECT {key} AS object_id
  FROM {grants} AS granted
 WHERE granted.{user} = (SELECT rls_perms.user_id())
   AND granted.{content_type} = {content_type_id}
   AND granted.{permission} IN ({permission_ids});
