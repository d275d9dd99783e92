SELECT {name}.{key}::{type} AS object_id, {name}.{key}::text COLLATE "default" AS object_text
  FROM {child}
 WHERE {gate}
