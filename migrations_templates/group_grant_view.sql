-- Rows that guardian grants to a group of the user who asks, by key.
CREATE OR REPLACE VIEW rls_perms.{view} WITH (security_barrier) AS
SELECT {key} AS object_id
  FROM {grants} AS granted
 WHERE granted.{group} IN (
           SELECT member.{member_group}
             FROM {members} AS member
            WHERE member.{member_user} = (SELECT rls_perms.user_id())
       )
   AND granted.{content_type} = {content_type_id}
   AND granted.{permission} IN ({permission_ids});
