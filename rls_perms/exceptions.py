"""The errors that rls_perms raises: one class for each thing a caller might handle."""

from django.core.exceptions import ImproperlyConfigured
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.management.base import CommandError
from django.db.utils import IntegrityError, ProgrammingError


class RlsPermsError(Exception):
    """Base class of every error of this library."""


class ConfigurationError(RlsPermsError, ImproperlyConfigured):
    """A setting or a declaration that cannot work as it is written."""


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


class NoContext(RlsPermsError):
    """Something needs to know as whom it runs, and no context says so."""


class UnknownRole(RlsPermsError):
    """A role that the database does not hold, or that the login may not become."""


class NamedGroup(IntegrityError, RlsPermsError):
    """
    A group was to be renamed that settings or a policy name: a new one would have its role.

    It is an ``IntegrityError``, so code that handles database errors goes on working.
    """


class PermissionDenied(DjangoPermissionDenied, ProgrammingError, RlsPermsError):
    """
    PostgreSQL refused (SQLSTATE 42501), or filtered what was to be saved.

    It is Django's ``PermissionDenied``, so views answer 403 by themselves, and a
    ``ProgrammingError``, so code that handles database errors goes on working.
    """
