SELECT {key} AS object_id, {text} AS object_text
  FROM {grants} AS granted
 WHERE granted.{user} = (SELECT rls_perms.user_id())
   AND {conditions}
