granted.{object}::text
