"""What a database should hold, from settings, Django's auth tables and declarations."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rls_perms.exceptions import PlanError
from rls_perms.grants import DatabaseObject, Grant, Membership, RoleSetting
from rls_perms.identifiers import SCHEMA
from rls_perms.keywords import FIXED_ROLES, Command, ObjectKind, Privilege, RoleKind
from rls_perms.roles import Role, RoleNames, session_name
from rls_perms.state import Definition, Entry, State
from rls_perms.statements.install import (
    CONTEXT_FUNCTIONS,
    LOGIN_FUNCTIONS,
    PROVING_FUNCTIONS,
    SIGNED_LOGIN_FUNCTIONS,
    TENANT_FUNCTIONS,
)
from rls_perms.statements.live import KnownGrant, KnownRole, LiveMap
from rls_perms.statements.row_security import Relation, Table
from rls_perms.statements.tenant_logins import TenantLogin
from rls_perms.statements.tenants import part_key

ROWS = (Privilege.SELECT, Privilege.INSERT, Privilege.UPDATE, Privilege.DELETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What the declaration of one model asks of roles and privileges."""

    relation: Relation
    #: Permission that is a privilege here -> its command, as documents.view_document: SELECT.
    permissions: Mapping[str, Command]
    #: Roles that have a command's table privilege without the permission.
    ungated: Mapping[Command, tuple[str, ...]]
    #: Permissions of which a policy must tell who holds them.
    asked: frozenset[str]
    #: Names of groups that a policy names.
    groups: frozenset[str]
    #: Roles that read the views of grants, and those views.
    views: tuple[str, ...]
    #: Other tables that policies read, with columns, and the roles that do.
    reads: tuple[tuple[Table, tuple[str, ...], tuple[str, ...]], ...]
    key_columns: tuple[str, ...]
    #: Functions that read for policies: name, types of the arguments, roles that call it.
    readers: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()
    #: Columns of which a command's privilege is only some roles': SELECT: {salary: (payroll,)}.
    columns: Mapping[Command, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def left(self, command: Command) -> tuple[str, ...]:
        """The columns of which the privilege for *command* is kept for nobody."""
        kept = self.columns.get(command, {})
        return tuple(column for column in self.relation.columns if column not in kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The tables of a database by kind (DESIGN section 5)."""

    protected: tuple[Protection, ...]
    #: Tables that session roles read some columns of.
    readable: tuple[tuple[Relation, tuple[str, ...]], ...]
    framework: tuple[Relation, ...]
    open: tuple[Relation, ...]
    #: Tables that only the owner may use, as a protected one without its policies.
    closed: tuple[Relation, ...]
    #: Django's own tables that the login may look at.
    login_reads: tuple[Relation, ...]
    sequences: Mapping[tuple[str, str], list[Table]] = field(default_factory=dict)
    #: Schemas of these tables into which PUBLIC may not look.
    schemas: tuple[str, ...] = ()
    #: Tables that only some tenants have, with the keys of these.
    of_tenants: tuple[tuple[Relation, tuple[str, ...]], ...] = ()

    def managed(self) -> frozenset[Table]:
        """The tables and sequences on which logins and PUBLIC hold what is wanted, no more."""
        relations = [one.relation for one in self.protected]
        relations += [*self.framework, *self.open, *self.closed, *self.login_reads]
        relations += [relation for relation, _ in self.of_tenants]
        tables = {relation.table for relation in relations}
        keys = {(table.schema, table.name) for table in tables}
        return frozenset(
            tables.union(*(found for key, found in self.sequences.items() if key in keys))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """What Django's auth tables say. Keys are text; permissions are app_label.codename."""

    groups: Mapping[str, str]
    group_permissions: Mapping[str, frozenset[str]]
    #: Each distinct combination of groups and direct permissions that an active user has, and
    #: with which tenant, where each tenant has a role.
    combinations: frozenset[tuple[frozenset[str], frozenset[str], str | None]]
    permission_ids: Mapping[str, str]
    #: Permissions that some user holds directly, active or not.
    direct: frozenset[str] = frozenset()
    #: The tenants' keys, where each has a role.
    tenants: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Everything that the desired state follows from."""

    names: RoleNames
    auth: Auth
    tables: Tables
    logins: tuple[str, ...]
    #: Group -> parameters that are set along with its role, in the order of settings.
    settings: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    #: The same for tenants, by key; and the logins that serve some tenants and no other.
    tenant_settings: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    shares: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The logins of tenants' own people.
    tenant_logins: tuple[TenantLogin, ...] = ()
    definitions: frozenset[Definition] = frozenset()
    #: Whether this is a test database, with roles that stand in for owner and login.
    is_test: bool = False
    #: The login that runs tests, if it has to be made a member to become a role.
    tester: str | None = None
    #: Whether PostgreSQL 15 lets the tester inherit what it is a member of.
    tester_inherits: bool = False
    #: Whether a membership can be without SET: before PostgreSQL 16 none is.
    has_options: bool = True
    #: Whether users have what they have: first use makes the role of a combination that is
    #: missing, and what nobody has any more is left.
    as_used: bool = False
    #: Whether the login enters contexts by signed tokens alone.
    signed: bool = False


def desired_state(wanted: Wanted, actual: State) -> State:
    """
    The state that *wanted* asks for. *actual* is only asked for names given before.

    Raises PlanError where groups and names do not fit together.
    """
    return _Builder(wanted, actual).state()


def live_map(wanted: Wanted) -> LiveMap:
    """What groups and permissions mean, for triggers that follow them."""
    return _Builder(wanted, State()).live_map()


class _Builder:
    def __init__(self, wanted: Wanted, actual: State) -> None:
        self.wanted = wanted
        self.names = wanted.names
        self.actual = actual
        self.roles: dict[str, Role] = {}
        self.memberships: set[Membership] = set()
        self.grants: set[Grant] = set()
        self.entries: set[Entry] = set()
        #: Whether it is for triggers, which meet tenants that there are not yet.
        self.is_map = False
        self.everyone = self.names.fixed(RoleKind.EVERYONE)
        self.anonymous = self.names.fixed(RoleKind.ANONYMOUS)
        self.above = (self.names.fixed(RoleKind.SUPERUSER), self.names.fixed(RoleKind.SYSTEM))
        self.privileges = {
            permission: (protection, command)
            for protection in wanted.tables.protected
            for permission, command in protection.permissions.items()
        }
        self.asked = {name for one in wanted.tables.protected for name in one.asked}

    def state(self) -> State:
        self._fixed_roles()
        groups = self._group_roles()
        self._permission_roles(groups)
        self._tenant_roles()
        self._session_roles()
        self._tenant_logins(groups)
        self._context_grants()
        self._table_grants()
        return State(
            roles=frozenset(self.roles.values()),
            memberships=frozenset(self.memberships),
            grants=frozenset(one for one in self.grants if not self._covered(one)),
            definitions=self.wanted.definitions,
            entries=frozenset(self.entries),
            settings=frozenset(self._role_settings()),
        )

    def live_map(self) -> LiveMap:
        self.is_map = True
        roles = {KnownRole("group", name, self.names.group(name)) for name in self._bound()}
        for permission in self.privileges.keys() | self.asked:
            role = self.names.permission(permission)
            asked = permission in self.asked
            roles.add(KnownRole("permission", permission, role, asked))
        grants: set[KnownGrant] = set()
        for permission in self.privileges:
            self.grants = set()
            self._privileges_of("", {permission})
            grants.update(self._known_grants("permission", {"": permission}))
        self.grants = set()
        self._table_grants()
        names = {one.role for one in roles}
        names |= {self.names.tenant(key) for _, keys in self._of_tenants() for key in keys}
        grants.update(self._known_grants("role", {name: name for name in names}))
        return LiveMap(frozenset(roles), frozenset(grants))

    def _known_grants(self, kind: str, names: Mapping[str, str]) -> Iterator[KnownGrant]:
        """The grants to the roles in *names*, put together by columns."""
        columns: defaultdict[tuple[str, DatabaseObject, Privilege], set[str]] = defaultdict(set)
        for one in self.grants:
            if one.object.kind is ObjectKind.FUNCTION:
                # Who may call a function follows from policies, and from no permission.
                continue
            if one.role in names and not self._covered(one):
                columns[one.role, one.object, one.privilege].add(one.column)
        for (role, target, privilege), found in columns.items():
            yield KnownGrant(
                kind,
                names[role],
                target.schema,
                target.name,
                privilege,
                tuple(sorted(found - {""})),
            )

    # Roles

    def _role(
        self, name: str, kind: RoleKind, id: str | None = None, bound: str | None = None
    ) -> str:
        role = Role(name, self.names.mark(kind, id, bound))
        taken = self.roles.setdefault(name, role)
        if taken != role:
            raise PlanError(
                f"{_described(taken)} and {_described(role)} would both have the role {name!r}. "
                "Give one of them another name; a group, in RLS_PERMS['GROUP_ROLES']."
            )
        return name

    def _fixed_roles(self) -> None:
        for kind in FIXED_ROLES:
            # Who serves some tenants only does not become whoever is in all of them.
            apart = self.wanted.shares if kind is RoleKind.SYSTEM else ()
            self._becomable(self._role(self.names.fixed(kind), kind), without=apart)
        self.entries.add(Entry("session", "", self.everyone))
        if self.wanted.is_test:
            # Made with the test database, so that the login may become them.
            for kind in (RoleKind.LOGIN, RoleKind.OWNER):
                self._becomable(self._role(self.names.fixed(kind), kind))

    def _becomable(self, role: str, *, without: Collection[str] = ()) -> None:
        for login in self.wanted.logins:
            if login in without:
                continue
            self.memberships.add(Membership(role, login, inherit=False, set_role=True))
        if self.wanted.tester is not None:
            inherit = self.wanted.tester_inherits
            self.memberships.add(Membership(role, self.wanted.tester, inherit, set_role=True))

    def _belongs(self, member: str, role: str) -> None:
        set_role = not self.wanted.has_options
        self.memberships.add(Membership(role, member, inherit=True, set_role=set_role))

    def _group_roles(self) -> dict[str, str]:
        """Make the role of each group; return group key -> role."""
        bound = self._bound()
        self._refuse_renamed(bound)
        by_name = {name: key for key, name in self.wanted.auth.groups.items()}
        found: dict[str, str] = {}
        # Names that settings or policies say come first: theirs never depend on the rest.
        for name in sorted(bound):
            role = self.names.group(name)
            self._refuse_same(role, name)
            key = by_name.get(name)
            self._session_part(self._role(role, RoleKind.GROUP, key, name), key, found)
        generated = {
            key: name for key, name in self.wanted.auth.groups.items() if name not in bound
        }
        kept = dict(self._kept_names(generated))
        for key, role in kept.items():
            self._session_part(self._role(role, RoleKind.GROUP, key), key, found)
        for key in sorted(generated.keys() - kept.keys(), key=_ordered):
            role = self.names.group(generated[key])
            if role in self.roles:
                role = self.names.group(generated[key], key)
            self._session_part(self._role(role, RoleKind.GROUP, key), key, found)
        for key, role in found.items():
            self._privileges_of(role, self.wanted.auth.group_permissions.get(key, frozenset()))
        return found

    def _bound(self) -> set[str]:
        """Names of groups that settings or policies say."""
        return {*self.names.configured} | {
            name for one in self.wanted.tables.protected for name in one.groups
        }

    def _kept_names(self, groups: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """
        The names that the roles of *groups* have already, as far as they fit.

        One whose name was taken when it was made keeps the other that it got then.
        """
        by_key: defaultdict[str | None, set[str]] = defaultdict(set)
        for one in self.actual.roles:
            if one.mark.kind is RoleKind.GROUP and one.mark.bound is None:
                by_key[one.mark.id].add(one.name)
        recorded = {one.key: one.role for one in self.actual.entries if one.kind == "part"}
        for key, name in groups.items():
            fitting = by_key[key] & {self.names.group(name), self.names.group(name, key)}
            fitting -= self.roles.keys()
            in_use = fitting & {recorded.get(f"g{key}")}
            if fitting:
                yield key, min(in_use or fitting)

    def _session_part(self, role: str, key: str | None, found: dict[str, str]) -> None:
        self._becomable(role)
        self._belongs(role, self.everyone)
        if key is not None:
            found[key] = role
            self.entries.add(Entry("part", f"g{key}", role))
            self.entries.add(Entry("session", f"g{key}", role))

    def _refuse_same(self, role: str, name: str) -> None:
        taken = self.roles.get(role)
        if taken is not None:
            raise PlanError(
                f"Groups {taken.mark.bound or taken.mark.kind!r} and {name!r} would both have the "
                f"role {role!r}. Give one of them another name in RLS_PERMS['GROUP_ROLES']."
            )

    def _refuse_renamed(self, bound: set[str]) -> None:
        """A new group must not inherit what settings or a policy gave one of the old name."""
        for role in self.actual.roles:
            mark = role.mark
            if mark.kind is not RoleKind.GROUP or mark.bound is None or mark.id is None:
                continue
            if mark.bound not in bound:
                continue
            now = self.wanted.auth.groups.get(mark.id)
            if now is not None and now != mark.bound:
                raise PlanError(
                    f"The group {mark.bound!r} is now called {now!r}, but settings or a policy "
                    f"name it {mark.bound!r}. Write {now!r} there (RLS_PERMS['GROUP_ROLES'], "
                    f"Group({now!r})), or rename the group back."
                )

    def _permission_roles(self, groups: Mapping[str, str]) -> None:
        """Make the roles of permissions that a policy asks for, or that a user holds directly."""
        direct = self.wanted.auth.direct.union(
            *(held for _, held, _ in self.wanted.auth.combinations)
        )
        mapped = direct & (self.privileges.keys() | self.asked)
        if self.wanted.as_used:
            mapped |= set(self._mapped_before())
        for permission in sorted(self.asked | mapped):
            role = self._role(self.names.permission(permission), RoleKind.PERMISSION, permission)
            for key, group in groups.items():
                if permission in self.wanted.auth.group_permissions.get(key, ()):
                    self._belongs(group, role)
            if permission in self.wanted.auth.permission_ids:
                key = f"p{self.wanted.auth.permission_ids[permission]}"
                self.entries.add(Entry("part", key, role))
            if permission in mapped:
                self._privileges_of(role, {permission})

    def _mapped_before(self) -> Iterator[str]:
        """Permissions whose roles carry their privileges, though nobody holds them any more."""
        recorded = {entry.key for entry in self.actual.entries if entry.kind == "part"}
        for permission, (protection, command) in self.privileges.items():
            role, table = self.names.permission(permission), _table(protection.relation.table)
            held = Grant(role, table, Privilege(command)) in self.actual.grants
            if held and f"p{self.wanted.auth.permission_ids.get(permission)}" in recorded:
                yield permission

    def _tenant_roles(self) -> None:
        """Make the role of each tenant, and say what stands for visitors and superusers in one."""
        if self.wanted.auth.tenants is None:
            return
        for letter, role in (("a", self.anonymous), ("s", self.above[0])):
            self.entries.add(Entry("part", letter, role))
            self.entries.add(Entry("session", letter, role))
        for key in self.wanted.auth.tenants:
            role = self._role(self.names.tenant(key), RoleKind.TENANT, key)
            self.entries.add(Entry("part", part_key(key), role))

    def _tenant_logins(self, groups: Mapping[str, str]) -> None:
        """Each has the rights of its groups, in its own tenant; none is made here."""
        present = {one.name for one in self.actual.roles}
        for one in self.wanted.tenant_logins:
            if one.login not in present:
                continue
            login = self._role(one.login, RoleKind.TENANT_LOGIN, one.tenant)
            parts = [groups[key] for key in one.groups if key in groups] or [self.everyone]
            if self.wanted.auth.tenants is not None:
                parts.append(self.names.tenant(one.tenant))
            for part in parts:
                self._belongs(login, part)

    def _session_roles(self) -> None:
        """
        Make a role for each combination that somebody has.

        One that first use made, or that was needed before, is found by its mark and keeps
        its name, unless that is another's by now.
        """
        parts = {entry.key: entry.role for entry in self.entries if entry.kind == "part"}
        keys = {self._key(combination, parts) for combination in self.wanted.auth.combinations}
        known = {entry.key for entry in self.entries if entry.kind == "session"}
        made = {
            (role.mark.id or "", role.name)
            for role in self.actual.roles
            if role.mark.kind is RoleKind.SESSION and role.name not in self.roles
        }
        recorded = {
            (entry.key, entry.role) for entry in self.actual.entries if entry.kind == "session"
        }
        possible = {key for key, _ in recorded if parts.keys() >= set(key.split(","))}
        if self.wanted.as_used:
            keys = possible
        elif self.wanted.auth.tenants is not None:
            # Who enters which tenant shows only when they do.
            shapes = {_without_tenant(key) for key in keys | known}
            keys |= {key for key in possible if _without_tenant(key) in shapes}
        # Of two with one mark, the one that is in use.
        given = {**dict(sorted(made)), **dict(made & recorded)}
        taken = {*self.actual.foreign, *(role.name for role in self.actual.elsewhere)}
        taken |= {role.name for role in self.actual.roles}
        for key in sorted(keys - known):
            names = [parts[part] for part in key.split(",")]
            is_anybody = not {"a", "s"} & {*key.split(",")}
            role = given.get(key)
            if role is None:
                shown = [*names, self.everyone] if key.startswith("t") else names
                role = session_name(self.names.prefix, shown, taken | self.roles.keys(), key)
            self._role(role, RoleKind.SESSION, key)
            self._becomable(role, without=self._not_serving(key))
            for part in (*names, self.everyone) if is_anybody else names:
                self._belongs(role, part)
            self.entries.add(Entry("session", key, role))

    def _not_serving(self, key: str) -> set[str]:
        """The logins that do not serve the tenant of the combination *key*."""
        tenant = key.split(",")[-1]
        if not tenant.startswith("t"):
            return set()
        serving = {
            login
            for login, keys in self.wanted.shares.items()
            if tenant in {part_key(one) for one in keys}
        }
        return {*self.wanted.logins} - serving if serving else {*self.wanted.shares}

    def _key(
        self,
        combination: tuple[frozenset[str], frozenset[str], str | None],
        parts: Mapping[str, str],
    ) -> str:
        """The key of a combination, of the parts that have roles; "" is everyone."""
        held, permissions, tenant = combination
        ids = self.wanted.auth.permission_ids
        keys = {f"g{key}" for key in held} | {f"p{ids[one]}" for one in permissions if one in ids}
        if tenant is not None:
            keys.add(part_key(tenant))
        return ",".join(sorted(keys & parts.keys()))

    def _role_settings(self) -> Iterator[RoleSetting]:
        for position, (group, parameters) in enumerate(self.wanted.settings.items()):
            for name, value in parameters:
                yield RoleSetting(self.names.group(group), name, value, position)
        # After those of groups: a tenant's own counts.
        after = len(self.wanted.settings)
        for key, parameters in self.wanted.tenant_settings.items():
            for name, value in parameters:
                yield RoleSetting(self.names.tenant(key), name, value, after)

    # Privileges

    def _covered(self, grant: Grant) -> bool:
        """Whether *grant*, on a column, says nothing beside one on the whole table."""
        return bool(grant.column) and replace(grant, column="") in self.grants

    def _grant(
        self, roles: Iterable[str], target: DatabaseObject, privileges: Iterable[Privilege]
    ) -> None:
        for role in roles:
            self.grants.update(Grant(role, target, privilege) for privilege in privileges)

    def _grant_columns(
        self, roles: Iterable[str], table: Table, columns: Iterable[str], privilege: Privilege
    ) -> None:
        target = _table(table)
        names = tuple(columns)
        for role in roles:
            self.grants.update(Grant(role, target, privilege, name) for name in names)

    def _privileges_of(self, role: str, permissions: Iterable[str]) -> None:
        """
        What *permissions* are on protected tables: the privilege on all of the table, or on
        those of its columns that the declaration keeps for nobody.

        On single columns it is only the right to name them, which every command needs and
        policies do not take for a permission: SELECT to find what to change or delete, and
        to read back what was added; UPDATE of the key for SELECT .. FOR UPDATE.
        """
        held = [self.privileges[one] for one in permissions if one in self.privileges]
        for protection, command in held:
            self._give([role], protection, command)
            if command is Command.INSERT:
                key, table = protection.key_columns, protection.relation.table
                self._grant_columns([role], table, key, Privilege.UPDATE)

    def _give(self, roles: Iterable[str], protection: Protection, command: Command) -> None:
        """The privilege for *command*, and the right to name columns that it needs."""
        table = protection.relation.table
        given = tuple(roles)
        if command in protection.columns:
            self._grant_columns(given, table, protection.left(command), Privilege(command))
        else:
            self._grant(given, _table(table), [Privilege(command)])
        self._sequences(given, table, command)
        self._grant_columns(given, table, protection.left(Command.SELECT), Privilege.SELECT)

    def _sequences(self, roles: Iterable[str], table: Table, command: Command) -> None:
        if command is Command.INSERT:
            for sequence in self.wanted.tables.sequences.get((table.schema, table.name), ()):
                target = DatabaseObject(ObjectKind.SEQUENCE, sequence.schema, sequence.name)
                self._grant(roles, target, [Privilege.USAGE])

    def _context_grants(self) -> None:
        """The schema and functions of the library: to read the context, and to enter it."""
        schema = DatabaseObject(ObjectKind.SCHEMA, "", SCHEMA)
        session = (self.everyone, self.anonymous, *self.above)
        self._grant((*session, *self._logins()), schema, [Privilege.USAGE])
        signed = self.wanted.signed
        for name, arguments in (*CONTEXT_FUNCTIONS, *(PROVING_FUNCTIONS if signed else ())):
            self._grant(session, _function(name, arguments), [Privilege.EXECUTE])
        of_tenants = () if self.wanted.auth.tenants is None else TENANT_FUNCTIONS
        entering = SIGNED_LOGIN_FUNCTIONS if signed else (*LOGIN_FUNCTIONS, *of_tenants)
        for name, arguments in entering:
            self._grant(self._logins(), _function(name, arguments), [Privilege.EXECUTE])
        for name in self.wanted.tables.schemas:
            closed = DatabaseObject(ObjectKind.SCHEMA, "", name)
            self._grant((*session, *self._logins()), closed, [Privilege.USAGE])

    def _logins(self) -> tuple[str, ...]:
        """The logins, or in tests what stands in for them."""
        if self.wanted.is_test:
            return (self.names.fixed(RoleKind.LOGIN),)
        return self.wanted.logins

    def _table_grants(self) -> None:
        tables = self.wanted.tables
        session = (self.everyone, self.anonymous)
        for protection in tables.protected:
            self._protected(protection)
        for relation in tables.framework:
            self._all_rows(self._logins(), relation)
        for relation in tables.open:
            self._all_rows((*session, *self.above, *self._logins()), relation)
        for relation, keys in self._of_tenants():
            tenants = [self.names.tenant(key) for key in keys]
            self._all_rows((*tenants, self.above[1]), relation)
        for relation in tables.login_reads:
            self._grant(self._logins(), _table(relation.table), [Privilege.SELECT])
        for relation, columns in tables.readable:
            self._grant_columns((*session, *self.above), relation.table, columns, Privilege.SELECT)
        for protection in tables.protected:
            for table, columns, roles in protection.reads:
                self._grant_columns(roles, table, columns, Privilege.SELECT)

    def _of_tenants(self) -> Iterator[tuple[Relation, tuple[str, ...]]]:
        """The tables that only some tenants have, with those of them that there are already."""
        known = None if self.is_map else self.wanted.auth.tenants
        for relation, keys in self.wanted.tables.of_tenants:
            yield relation, keys if known is None else tuple(one for one in keys if one in known)

    def _all_rows(self, roles: Iterable[str], relation: Relation) -> None:
        given = tuple(roles)
        self._grant(given, _table(relation.table), ROWS)
        self._sequences(given, relation.table, Command.INSERT)

    def _protected(self, protection: Protection) -> None:
        self._all_rows(self.above, protection.relation)
        table = protection.relation.table
        for command, roles in protection.ungated.items():
            self._give(roles, protection, command)
        for command, columns in protection.columns.items():
            for column, roles in columns.items():
                self._grant_columns(roles, table, [column], Privilege(command))
        for name, arguments, roles in protection.readers:
            self._grant(roles, _function(name, arguments), [Privilege.EXECUTE])
        for view in protection.views:
            self._grant(
                (self.everyone, self.anonymous),
                DatabaseObject(ObjectKind.TABLE, SCHEMA, view),
                [Privilege.SELECT],
            )


def _table(table: Table) -> DatabaseObject:
    return DatabaseObject(ObjectKind.TABLE, table.schema, table.name)


def _function(name: str, arguments: tuple[str, ...]) -> DatabaseObject:
    return DatabaseObject(ObjectKind.FUNCTION, SCHEMA, name, arguments)


def _described(role: Role) -> str:
    mark = role.mark
    what = mark.bound or mark.id
    return f"the {mark.kind} {what!r}" if what else f"the role of {mark.kind}"


def _without_tenant(key: str) -> str:
    """The combination *key*, wherever it is."""
    return ",".join(part for part in key.split(",") if not part.startswith("t"))


def _ordered(key: str) -> tuple[int, str]:
    """Keys that are numbers in the order of numbers."""
    return (len(key), key)
