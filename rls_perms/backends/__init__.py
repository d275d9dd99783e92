"""Database backends that let each statement run as the role that it is meant for."""
