granted.{object}::{type}
