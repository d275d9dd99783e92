granted.{object}::text COLLATE "default"
