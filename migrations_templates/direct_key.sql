{object}::{type}
