SELECT {key} AS object_id, {text} AS object_text
  FROM {grants} AS granted
 WHERE granted.{group} = ANY (ARRAY(
           SELECT member.{member_group}
             FROM {members} AS member
            WHERE member.{member_user} = (SELECT rls_perms.user_id())
       ))
   AND {conditions}
