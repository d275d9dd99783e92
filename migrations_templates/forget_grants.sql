DELETE FROM {grants} AS granted
 USING gone
 WHERE granted.{content_type} = {content_type_id} AND granted.{object} = gone.{key}::text;
