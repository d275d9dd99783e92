"""The office behind real servers: views that a crowd asks at once."""
