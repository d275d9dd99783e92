"""The errors that rls_perms raises: one class for each thing a caller might handle."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.management.base import CommandError
from django.db.utils import IntegrityError, ProgrammingError

if TYPE_CHECKING:
    from django.db.models import Model


class RlsPermsError(Exception):
    """Base class of every error of this library."""


class ConfigurationError(RlsPermsError, ImproperlyConfigured):
    """A setting or a declaration that cannot work as it is written."""


class ReadsItself(ConfigurationError):
    """A condition that comes back to its own table, which PostgreSQL would ask without end."""


class InvalidRoleName(ConfigurationError):
    """A role name that PostgreSQL would cut, reserve or confuse with another."""


class PlanError(RlsPermsError, CommandError):
    """
    The wanted roles cannot be reached from the roles that the database holds.

    It is a ``CommandError``, so that a command ends with its message alone.
    """


class WrongCredentials(RlsPermsError, CommandError):
    """
    The login in use may not do what was asked; another alias may.

    It is a ``CommandError``, so that a command ends with its message alone.
    """


class PolicyInTheWay(RlsPermsError, CommandError):
    """
    A migration would lose a policy, or leave one that does not fit its column.

    It is a ``CommandError``, so that ``migrate`` ends with its message alone.
    """


class NoContext(RlsPermsError):
    """Something needs to know as whom it runs, and no context says so."""


class InvalidSetting(RlsPermsError, ValueError):
    """A value for the context that its ``Setting`` in a policy cannot be."""


class ContextRefused(ProgrammingError, RlsPermsError):
    """
    The database does not take the context that a statement came with.

    Where ``SIGNED_CONTEXT`` is on: the signature is forged, expired or for another database or
    backend, the role is another one than was proved, or only one of the application and the
    database signs. It is a ``ProgrammingError``, so code that handles database errors goes on
    working; ``sqlstate`` is PostgreSQL's.
    """

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class InvalidContext(RlsPermsError, ValueError):
    """A context that was sent from elsewhere and is not whole, not ours or for something else."""


class UnknownRole(RlsPermsError):
    """A role that the database does not hold, or that the login may not become."""


class NamedGroup(IntegrityError, RlsPermsError):
    """
    A group was to be renamed that settings or a policy name: a new one would have its role.

    It is an ``IntegrityError``, so code that handles database errors goes on working.
    """


class PermissionDenied(DjangoPermissionDenied, ProgrammingError, RlsPermsError):
    """
    PostgreSQL refused (SQLSTATE 42501), or filtered what was to be changed or deleted.

    It is Django's ``PermissionDenied``, so views answer 403 by themselves, and a
    ``ProgrammingError``, so code that handles database errors goes on working. Each attribute
    is None, and *keys* empty, where it is not known.

    - *model*: whose table it was; *action*: ``"view"``, ``"add"``, ``"change"`` or ``"delete"``;
    - *keys*: the rows, at most 100 of them; *key*: the only one;
    - *user*: the key of who asked, as text; *role*: the PostgreSQL role that they had;
    - *sqlstate*: ``"42501"`` where PostgreSQL raised an error, None where it passed rows over.
    """

    def __init__(
        self,
        *args: object,
        model: "type[Model] | None" = None,
        action: str | None = None,
        keys: Iterable[Any] = (),
        user: str | None = None,
        role: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(*args)
        self.model = model
        self.action = action
        self.keys = tuple(keys)
        self.user = user
        self.role = role
        self.sqlstate = sqlstate

    @property
    def key(self) -> Any:
        """The key of the row, if it is one row."""
        return self.keys[0] if len(self.keys) == 1 else None


class NotMigrated(PermissionDenied, CommandError):
    """
    The login lacks what ``migrate`` by the owner gives it on tables of Django's own.

    It is a ``CommandError``, so that a command ends with its message alone.
    """
