"""The owner's alias and the login's are one database."""


class OneDatabase:
    def allow_relation(self, one, other, **hints):
        return True
