"""Policies written without a database, to find before ``migrate`` what cannot be written."""

from typing import TYPE_CHECKING, Any, NoReturn

from django.db import connections
from django.db.models import Model

from rls_perms.conf import get_settings
from rls_perms.policies.compile import Compiler
from rls_perms.policies.constraint import RowSecurity
from rls_perms.roles import RoleNames
from rls_perms.statements.conditions import TRUE, Draft, Text

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: Names that no role has: which one it will be is for a database to say.
NAMES = RoleNames("draft", "draft", {})


def refuse_unwritable(model: type[Model], declared: RowSecurity) -> None:
    """
    Raise ConfigurationError if *declared* cannot be written as policies of *model*.

    No database is asked: what only one knows, such as whether RawSQL is SQL, ``migrate`` finds.
    """
    connection = connections[get_settings().databases[0]]
    if connection.vendor != "postgresql":
        return
    compiler = _Drafting(
        model=model,
        tenant=declared.tenant,
        arms=declared.arms,
        names=NAMES,
        owner="draft",
        guc_prefix=get_settings().guc_prefix,
        connection=_unconnected(connection),
        signed=get_settings().signed_context,
    )
    try:
        compiler.specs()
    except _AsksDatabase:
        return


class _Drafting(Compiler):
    __slots__ = ()

    def _text(self) -> Text:
        return Draft(self.model, self.table, self.connection)

    def _term(self) -> str:
        # A path and CurrentTenant(), checked as such, which would be written a hundred times.
        return TRUE


class _AsksDatabase(Exception):
    """An expression asks the database how it is to be written."""


def _unconnected(connection: "BaseDatabaseWrapper") -> "BaseDatabaseWrapper":
    """One for which expressions can be written, and that never connects."""

    def refuse(*args: Any) -> NoReturn:
        raise _AsksDatabase

    copy = connection.copy()
    copy.ensure_connection = refuse  # type: ignore[method-assign]
    return copy
