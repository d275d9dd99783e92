"""What declarations compile to, kept for the process: every plan asks for all of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Model

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.keywords import SHOWING, Command
from rls_perms.policies.compile import key_kind, table_of
from rls_perms.policies.constraint import RowSecurity
from rls_perms.state import Definition
from rls_perms.statements.conditions import Reader
from rls_perms.statements.grant_views import Branch

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: Far more than a project has; tests make up models and prefixes without end.
MOST = 2000


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a plan needs to know of one declaration."""

    definition: Definition
    #: The other tables that policies read: name -> columns, roles that read them.
    reads: Mapping[str, tuple[set[str], set[str]]]
    #: Whether only PostgreSQL knows all that they read.
    has_raw_sql: bool
    #: The functions that read other tables for them, each with the roles that call it.
    readers: Mapping[Reader, set[str]]
    #: The views of guardian's grants that they read: name -> command, branch.
    views: Mapping[str, tuple[Command, Branch]]
    #: The type of their keys; None without such views.
    key_kind: str | None
    #: Which rows the permission alone gives, as SQL; by command, where it gives any.
    permitted: Mapping[Command, str]


_kept: dict[tuple[Any, ...], Compiled] = {}


def compiled(
    model: type[Model], declared: RowSecurity, connection: "BaseDatabaseWrapper", owner: str
) -> Compiled:
    """Compile *declared* as ``definition`` does, once for the same values."""
    installed = catalog.in_force(connection)
    version = catalog.server_version(connection)
    # The model and the declaration are compared by identity first, which is enough in practice.
    values = (model, declared, table_of(model), installed, owner, get_settings(), version)
    found = _kept.get(values)
    if found is None:
        if len(_kept) >= MOST:
            _kept.clear()
        compiler = declared.compiler(model, connection, owner)
        views = compiler.views()
        found = _kept[values] = Compiled(
            definition=declared.written(compiler),
            reads=compiler.reads(),
            has_raw_sql=compiler.reach.has_raw_sql,
            readers=compiler.readers(),
            views=views,
            key_kind=key_kind(model, connection) if views else None,
            permitted={
                command: gate for command in SHOWING if (gate := compiler.permitted(command))
            },
        )
    return found
