{object}::text COLLATE "default"
