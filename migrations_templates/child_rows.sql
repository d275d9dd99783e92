SELECT present.{key}::{type} AS object_id, present.{key}::text COLLATE "default" AS object_text
  FROM {child} AS present
 WHERE {gate}
