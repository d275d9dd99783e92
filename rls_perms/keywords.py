"""Words of PostgreSQL's grammar that the library writes: never text from outside."""

from enum import StrEnum


class Command(StrEnum):
    """What a policy is FOR."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"

    @property
    def action(self) -> str:
        """Django's word for it, as in the codename of a permission."""
        return _ACTIONS[self]


_ACTIONS = {
    Command.SELECT: "view",
    Command.INSERT: "add",
    Command.UPDATE: "change",
    Command.DELETE: "delete",
}

#: The commands whose permission shows a row: PostgreSQL changes only what SELECT shows.
SHOWING = (Command.SELECT, Command.UPDATE, Command.DELETE)


class Privilege(StrEnum):
    """What a role may be granted on an object."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    TRUNCATE = "TRUNCATE"
    REFERENCES = "REFERENCES"
    TRIGGER = "TRIGGER"
    MAINTAIN = "MAINTAIN"
    USAGE = "USAGE"
    CREATE = "CREATE"
    TEMPORARY = "TEMPORARY"
    EXECUTE = "EXECUTE"


class ObjectKind(StrEnum):
    """What a privilege is ON."""

    TABLE = "TABLE"
    SEQUENCE = "SEQUENCE"
    SCHEMA = "SCHEMA"
    DATABASE = "DATABASE"
    FUNCTION = "FUNCTION"


class Attribute(StrEnum):
    """What ALTER ROLE sets a role of ours right with."""

    NOLOGIN = "NOLOGIN"
    INHERIT = "INHERIT"
    NOSUPERUSER = "NOSUPERUSER"
    NOCREATEDB = "NOCREATEDB"
    NOCREATEROLE = "NOCREATEROLE"
    NOREPLICATION = "NOREPLICATION"
    NOBYPASSRLS = "NOBYPASSRLS"


class RoleKind(StrEnum):
    """What one of our roles stands for; written into its mark."""

    OWNER = "owner"
    LOGIN = "login"
    EVERYONE = "everyone"
    ANONYMOUS = "anonymous"
    SUPERUSER = "superuser"
    SYSTEM = "system"
    GROUP = "group"
    PERMISSION = "permission"
    SESSION = "session"
    TENANT = "tenant"
    TENANT_LOGIN = "tenant_login"


#: One role of each of these kinds in a database, named by the kind.
FIXED_ROLES = (RoleKind.EVERYONE, RoleKind.ANONYMOUS, RoleKind.SUPERUSER, RoleKind.SYSTEM)
