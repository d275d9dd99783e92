DELETE FROM {grants} AS granted
 WHERE {conditions}granted.{object} = OLD.{key}{text};
