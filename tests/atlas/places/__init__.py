"""Places of an atlas."""
