DELETE FROM {grants} AS granted
 USING gone
 WHERE {conditions}granted.{object} = gone.{key}{text};
