"""Django's PostgreSQL backend, with the role and the context of each statement."""
