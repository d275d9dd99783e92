INSERT INTO {grants} ({columns})
SELECT {values}
  FROM made
 CROSS JOIN unnest(ARRAY[{permission_ids}]) AS given (permission)
 WHERE rls_perms.user_id() IS NOT NULL
ON CONFLICT DO NOTHING;
