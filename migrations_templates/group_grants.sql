SELECT {key} AS object_id
  FROM {grants} AS granted
 WHERE granted.{group} IN (
           SELECT member.{member_group}
             FROM {members} AS member
            WHERE member.{member_user} = (SELECT rls_perms.user_id())
       )
   AND {conditions}
