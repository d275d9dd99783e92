{object}::text
