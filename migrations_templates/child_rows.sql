SELECT present.{key}::{type} AS object_id
  FROM {child} AS present
 WHERE {gate}
