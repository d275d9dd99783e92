IN (
           SELECT member.{member_group}::text
             FROM {members} AS member
            WHERE member.{member_user} = (SELECT rls_perms.user_id())
       )
