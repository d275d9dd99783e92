"""What the roles that policies name stand for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.keywords import RoleKind
from rls_perms.policies.constraint import role_names
from rls_perms.roles import Mark
from rls_perms.statements import reading_back as queries
from rls_perms.statements.changes import PUBLIC
from rls_perms.sync.auth import read_auth

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

KINDS = {
    RoleKind.EVERYONE: "every signed-in user",
    RoleKind.ANONYMOUS: "requests without a user, or with an inactive one",
    RoleKind.SUPERUSER: "superusers in a tenant",
    RoleKind.SYSTEM: "superusers without a tenant, and as_system()",
}


class RoleMeanings:
    """The roles of one database, by what they stand for."""

    def __init__(self, connection: "BaseDatabaseWrapper", owner: str) -> None:
        installed = catalog.in_force(connection)
        names = role_names(installed)
        state = catalog.roles(connection, installed, get_settings().logins_of(connection.alias))
        self.connection = connection
        self.owner = owner
        self.groups = read_auth(connection).groups
        self.marks = {names.fixed(kind): names.mark(kind) for kind in KINDS}
        self.marks |= {role.name: role.mark for role in state.roles}

    def of(self, roles: Iterable[str]) -> dict[str, str]:
        """Each of *roles*, in order of their names, with what it stands for."""
        wanted = sorted(set(roles))
        absent = self.missing(wanted)
        return {
            role: f"{self._meaning(role)}{' (missing)' if role in absent else ''}"
            for role in wanted
        }

    def missing(self, roles: Iterable[str]) -> set[str]:
        """Those of *roles* that do not exist."""
        wanted = {role for role in roles if role != PUBLIC}
        with self.connection.cursor() as cursor:
            cursor.execute(queries.EXISTING_ROLES, {"names": sorted(wanted)})
            return wanted - {name for (name,) in cursor.fetchall()}

    def _meaning(self, role: str) -> str:
        if role == self.owner:
            return "the owner of the tables"
        if role == PUBLIC:
            return "every role of the cluster"
        mark = self.marks.get(role)
        return "a role that is not the library's" if mark is None else self._stands_for(mark)

    def _stands_for(self, mark: Mark) -> str:
        if mark.kind is RoleKind.GROUP:
            name = self.groups.get(mark.id or "", mark.bound)
            return f"the group {name!r}" if mark.id else f"the group {name!r}, which is not there"
        if mark.kind is RoleKind.PERMISSION:
            return f"whoever holds {mark.id}"
        if mark.kind is RoleKind.TENANT:
            return f"the tenant {mark.id!r}"
        return KINDS.get(mark.kind, f"the role of {mark.kind}")
