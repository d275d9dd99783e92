"""Read the actual state of a database from PostgreSQL's catalogs."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rls_perms.conf import get_settings
from rls_perms.exceptions import PlanError, WrongCredentials
from rls_perms.grants import DatabaseObject, Grant, Membership, RoleSetting
from rls_perms.identifiers import SCHEMA, digest, slug
from rls_perms.keywords import Attribute, ObjectKind, Privilege, RoleKind
from rls_perms.roles import Role, read_mark
from rls_perms.state import Definition, Entry, State
from rls_perms.statements import catalog as queries
from rls_perms.statements.changes import MEMBERSHIP_OPTIONS, PUBLIC
from rls_perms.statements.row_security import Relation, Table

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, slots=True)
class Installation:
    """What was written down when the library was installed in a database."""

    prefix: str
    database: str


@dataclass(frozen=True, slots=True)
class CurrentRole:
    """Who is connected, and what they may do."""

    name: str
    session: str
    database: str
    superuser: bool
    create_role: bool
    create_schema: bool
    #: Owner of the schema rls_perms; None before it is installed.
    installed_by: str | None


#: What is installed, while a caller says that it does not change.
_installed: ContextVar[Installation | None] = ContextVar("rls_perms_installed", default=None)


@contextmanager
def as_installed(installed: Installation | None) -> Iterator[None]:
    """Let *installed* be the answer for a while, since each model's policies ask for it."""
    token = _installed.set(installed)
    try:
        yield
    finally:
        _installed.reset(token)


def installation(connection: "BaseDatabaseWrapper") -> Installation | None:
    """What is installed; None where the library never was."""
    known = _installed.get()
    if known is not None:
        return known
    if not _rows(connection, queries.HAS_INSTALLATION)[0][0]:
        return None
    rows = _rows(connection, queries.INSTALLATION)
    return Installation(*rows[0]) if rows else None


def current_role(connection: "BaseDatabaseWrapper") -> CurrentRole:
    return CurrentRole(*_rows(connection, queries.SESSION)[0])


def check_credentials(connection: "BaseDatabaseWrapper") -> CurrentRole:
    """
    Who is connected, if that is the owner. Raises WrongCredentials before anything is done.
    """
    conf = get_settings()
    role = current_role(connection)
    owner = conf.owner_of(connection.alias)
    hint = (
        f"Use the owner's credentials: --database {owner}, an alias with the owner's USER and "
        "the same NAME, or the same settings with the owner's USER and PASSWORD."
    )
    if role.installed_by is not None and role.installed_by != role.name and not role.superuser:
        raise WrongCredentials(
            f"{role.name!r} may not change roles and policies of {role.database!r}: its owner is "
            f"{role.installed_by!r}. {hint}"
        )
    if role.installed_by is None and not role.create_schema:
        raise WrongCredentials(
            f"{role.name!r} may not create schemas in {role.database!r}, so it is not the owner "
            f"of this database. {hint}"
        )
    is_test = connection.settings_dict.get(TEST_DATABASE)
    if role.name in conf.logins_of(connection.alias) and not is_test:
        raise WrongCredentials(
            f"{role.name!r} is one of RLS_PERMS['LOGIN_ROLES'], which may not own tables: row "
            f"security does not hold against an owner. {hint} If {role.name!r} is the owner, "
            "name the web process's login in RLS_PERMS['LOGIN_ROLES']."
        )
    return role


def is_standby(connection: "BaseDatabaseWrapper") -> bool:
    """Whether the server follows a primary, from which all that is in it comes."""
    return bool(_rows(connection, queries.IS_STANDBY)[0][0])


def is_pooled(connection: "BaseDatabaseWrapper") -> bool:
    """Whether a pooler is in between: it answers for PostgreSQL with a process of its own."""
    backend = _rows(connection, queries.BACKEND)[0][0]
    return bool(connection.connection.info.backend_pid != backend)


def server_version(connection: "BaseDatabaseWrapper") -> int:
    """As PostgreSQL counts: 150004 is 15.4."""
    connection.ensure_connection()
    return int(connection.connection.info.server_version)


def relations(
    connection: "BaseDatabaseWrapper", names: Iterable[str]
) -> dict[tuple[str, str], Relation]:
    """All tables and views by schema and name; *names* are those that models have."""
    rows = _rows(connection, queries.RELATIONS, {"names": list(names)})
    return {
        (schema, name): Relation(Table(name, schema), tuple(columns), bool(visible), mine, view)
        for schema, name, visible, columns, mine, view in rows
    }


def serial_sequences(connection: "BaseDatabaseWrapper") -> dict[tuple[str, str], list[Table]]:
    """The sequences of serial columns by schema and name of their table."""
    found: dict[tuple[str, str], list[Table]] = {}
    for schema, table, sequence_schema, sequence in _rows(connection, queries.SERIAL_SEQUENCES):
        found.setdefault((schema, table), []).append(Table(sequence, sequence_schema))
    return found


@dataclass(slots=True)
class Declared:
    """The policies on one table: whose they are, and whether they are as they were made."""

    marks: set[str] = field(default_factory=set)
    #: Digest of the SQL that made them; None if they were changed since.
    made_of: str | None = None
    #: Permissive policies that are not ours: they show rows that the declaration does not.
    rogue: set[str] = field(default_factory=set)


def declarations(connection: "BaseDatabaseWrapper") -> dict[tuple[str, str], Declared]:
    """
    The policies by schema and name of their table.

    A table whose row security is off, or does not bind its owner, has no marks.
    """
    found: dict[tuple[str, str], Declared] = {}
    for schema, table, forced, policy, permissive, comment, present in _rows(
        connection, queries.DECLARATIONS
    ):
        declared = found.setdefault((schema, table), Declared())
        mark, _, seal = (comment or "").partition("\nsealed ")
        if not mark.startswith("rls_perms "):
            if permissive:
                declared.rogue.add(policy)
        elif forced:
            declared.marks.add(mark)
            made_of, _, sealed = seal.partition(" ")
            if seal and sealed == present:
                declared.made_of = made_of
    return found


def policy_reads(
    connection: "BaseDatabaseWrapper",
) -> dict[tuple[str, str], dict[tuple[str, str], tuple[set[str], set[str]]]]:
    """
    What policies of ours read, by schema and name of their table.

    Each other table, by schema and name, with the columns that are named and the roles that
    read them.
    """
    found: dict[tuple[str, str], dict[tuple[str, str], tuple[set[str], set[str]]]] = {}
    for schema, table, other_schema, other, column, role in _rows(connection, queries.POLICY_READS):
        read = found.setdefault((schema, table), {})
        columns, roles = read.setdefault((other_schema, other), (set(), set()))
        columns.add(column)
        roles.add(role)
    return found


@dataclass(frozen=True, slots=True)
class Partition:
    """A table whose rows belong to another one too, which is above it."""

    table: Table
    covered: bool


def partitions(connection: "BaseDatabaseWrapper") -> dict[tuple[str, str], list[Partition]]:
    """The partitions at all levels by schema and name of the table above them."""
    found: dict[tuple[str, str], list[Partition]] = {}
    for schema, name, part_schema, part, covered in _rows(connection, queries.PARTITIONS):
        below = Partition(Table(part, part_schema), covered)
        found.setdefault((schema, name), []).append(below)
    return found


def secured(connection: "BaseDatabaseWrapper") -> set[tuple[str, str]]:
    """Schema and name of each table on which row security is enabled."""
    return set(_rows(connection, queries.SECURED))


def actual_state(
    connection: "BaseDatabaseWrapper",
    installed: Installation,
    logins: Collection[str],
    tables: Collection[Table],
    schemas: Collection[str],
    *,
    signed: bool = False,
) -> State:
    """
    Roles of ours, and everything that they hold in this database.

    The logins and PUBLIC are not ours: of theirs, only what they hold on *tables*, in our
    own schema, and the USAGE of *schemas*, which are closed to PUBLIC. Where contexts are
    *signed*, also what lets PUBLIC make anything: a view shows what its owner may see.
    """
    known = roles(connection, installed, logins)
    ours = {role.name for role in known.roles}
    others = {*logins, PUBLIC}
    managed = {(table.schema, table.name) for table in tables}

    def counts(grant: Grant) -> bool:
        target = grant.object
        if grant.role in ours:
            return True
        if grant.role not in others:
            return False
        makes = grant.privilege in (Privilege.CREATE, Privilege.TEMPORARY)
        if signed and makes and grant.role == PUBLIC:
            return True
        if target.kind is ObjectKind.DATABASE:
            return False
        if target.kind is ObjectKind.SCHEMA:
            usage = grant.privilege is Privilege.USAGE and grant.role != PUBLIC
            return target.name == SCHEMA or (usage and target.name in schemas)
        return target.schema == SCHEMA or (target.schema, target.name) in managed

    return replace(
        known,
        memberships=frozenset(_memberships(connection, ours, logins)),
        grants=frozenset(grant for grant in _grants(connection, signed) if counts(grant)),
        definitions=frozenset({*definitions(connection), *following(connection)}),
        entries=frozenset(Entry(*row) for row in _rows(connection, queries.ENTRIES)),
        settings=frozenset(RoleSetting(*row) for row in _rows(connection, queries.ROLE_SETTINGS)),
    )


def roles(
    connection: "BaseDatabaseWrapper", installed: Installation, logins: Collection[str]
) -> State:
    """Only the roles of the name space: ours, those of other databases, and foreign ones."""
    ours: set[Role] = set()
    elsewhere: set[Role] = set()
    foreign: set[str] = set()
    for name, comment, amiss in _rows(
        connection, queries.ROLES, {"prefix": installed.prefix, "logins": list(logins)}
    ):
        mark = read_mark(comment)
        if mark is None or name in logins:
            foreign.add(name)
        elif (mark.project, mark.database) == (installed.prefix, installed.database):
            # The owner of a test database makes roles and clones; no other role of ours does.
            makes = {Attribute.NOCREATEROLE, Attribute.NOCREATEDB}
            allowed = makes if mark.kind is RoleKind.OWNER else set()
            if mark.kind is RoleKind.TENANT_LOGIN:
                allowed = {Attribute.NOLOGIN}
            wrong = tuple(one for word in amiss if (one := Attribute(word)) not in allowed)
            ours.add(Role(name, mark, wrong))
        else:
            elsewhere.add(Role(name, mark))
    return State(roles=frozenset(ours), foreign=frozenset(foreign), elsewhere=frozenset(elsewhere))


def grants_of(connection: "BaseDatabaseWrapper", roles: Collection[str]) -> frozenset[Grant]:
    """What *roles*, which may be anybody's, hold in this database."""
    return frozenset(grant for grant in _grants(connection) if grant.role in roles)


def acts_for(connection: "BaseDatabaseWrapper", names: Iterable[str]) -> set[str]:
    """Those of *names* that the asking role may act for."""
    rows = _rows(connection, queries.ACTS_FOR, {"names": sorted(names)})
    return {name for (name,) in rows}


@dataclass(frozen=True, slots=True)
class Dependency:
    """What keeps a role from being dropped."""

    role: str
    #: "" for what belongs to no database.
    database: str
    #: In PostgreSQL's words; None in another database, where only its own catalogs know.
    object: str | None

    def __str__(self) -> str:
        if self.object is None:
            return f"something in the database {self.database!r}"
        return self.object


def dependencies(
    connection: "BaseDatabaseWrapper", names: Iterable[str]
) -> dict[str, list[Dependency]]:
    """What keeps those of *names* that are kept from being dropped, in the whole cluster."""
    found: dict[str, list[Dependency]] = {}
    for row in _rows(connection, queries.DEPENDENCIES, {"names": sorted(names)}):
        one = Dependency(*row)
        if one not in found.setdefault(one.role, []):
            found[one.role].append(one)
    return found


def closed_schemas(connection: "BaseDatabaseWrapper", names: Iterable[str]) -> tuple[str, ...]:
    """Those of *names* into which PUBLIC may not look, so that our roles need a privilege."""
    rows = _rows(connection, queries.CLOSED_SCHEMAS, {"schemas": sorted(names)})
    return tuple(sorted(name for (name,) in rows))


#: The name under which the functions of the schema are one definition.
FUNCTIONS = "functions"
#: Those of the keys for signed contexts.
SIGNING_KEYS = "signing keys"
#: Those of what follows the auth tables; the last says that nothing does.
LIVE_MAP = "live map of permissions"
LIVE = "live triggers"
NOT_LIVE = "no live triggers"


def definitions(connection: "BaseDatabaseWrapper") -> Iterable[Definition]:
    for (functions,) in _rows(connection, queries.FUNCTIONS_INSTALLED):
        yield Definition(FUNCTIONS, functions)
    if _rows(connection, queries.HAS_SIGNING)[0][0]:
        for fingerprints, proves in _rows(connection, queries.SIGNING_KEYS):
            # Without a key of its own the database proves nothing: a dump may leave it out.
            yield Definition(SIGNING_KEYS, fingerprints if proves or not fingerprints else "none")
    if _rows(connection, queries.HAS_LIVE)[0][0]:
        yield from _live(connection)
    for name, comment in _rows(connection, queries.GRANT_VIEWS):
        yield Definition(f"view {name}", comment)


def _live(connection: "BaseDatabaseWrapper") -> Iterable[Definition]:
    for made, present, known in _rows(connection, queries.LIVE):
        made_of, _, sealed = made.partition(" ")
        if made and sealed == present:
            yield Definition(LIVE, made_of)
        if not made and present is None:
            yield Definition(NOT_LIVE, "")
        yield Definition(LIVE_MAP, known)


def following(connection: "BaseDatabaseWrapper") -> Iterable[Definition]:
    """The triggers by which grants follow rows; without a digest if they were changed since."""
    for name, made_of in _rows(connection, queries.FOLLOWING):
        yield Definition(f"triggers {name}", made_of)


@dataclass(frozen=True, slots=True)
class Login:
    """A login role, and what of it would undo row security."""

    name: str
    superuser: bool
    bypasses: bool
    inherits: bool
    makes_roles: bool
    may_become_owner: bool


def logins(connection: "BaseDatabaseWrapper", names: Iterable[str]) -> dict[str, Login]:
    """Those of *names* that exist."""
    rows = _rows(connection, queries.LOGINS, {"logins": list(names)})
    return {row[0]: Login(*row) for row in rows}


def closed_parameters(
    connection: "BaseDatabaseWrapper", names: Iterable[str], logins: Iterable[str]
) -> list[tuple[str, str]]:
    """Those of the parameters *names* that one of *logins* may not set, with the login."""
    given = {"names": sorted(names), "logins": list(logins)}
    return [(name, login) for name, login in _rows(connection, queries.CLOSED_PARAMETERS, given)]


def kept_parameters(
    connection: "BaseDatabaseWrapper", logins: Iterable[str]
) -> list[tuple[str, str, str, str]]:
    """
    What ALTER ROLE .. SET left for new connections: login, database, name, value.

    The database is "" where it is for all of them.
    """
    rows = _rows(connection, queries.KEPT_PARAMETERS, {"logins": list(logins)})
    return [(login, database, name, value) for login, database, name, value in rows]


def current_schema(connection: "BaseDatabaseWrapper") -> str:
    """Where new tables are made."""
    return str(_rows(connection, queries.CURRENT_SCHEMA)[0][0])


def owns(connection: "BaseDatabaseWrapper", role: str, table: Table) -> bool:
    """Whether *role* may do to *table* what its owner may."""
    name = table.identifier().as_string(None)
    return bool(_rows(connection, queries.OWNS, [role, name])[0][0])


def has_tables(connection: "BaseDatabaseWrapper", tables: Iterable[Table]) -> bool:
    """Whether all of *tables* are there."""
    names = [table.identifier().as_string(None) for table in tables]
    return not _rows(connection, queries.MISSING, [names])[0][0]


def indexes(connection: "BaseDatabaseWrapper", table: str) -> tuple[int, list[tuple[str, ...]]]:
    """
    About how many rows *table*, a quoted name, has, and the columns of each of its indexes.

    An expression in an index is its type in parentheses. None at all where there is no such table.
    """
    for rows, found in _rows(connection, queries.INDEXES, [table]):
        return int(rows), [tuple(columns) for columns in found]
    return 0, []


def frequent(
    connection: "BaseDatabaseWrapper", table: str, column: str, *, least: int, limit: int
) -> list[str]:
    """The values of *column* that more than *least* rows of *table* have, as ANALYZE saw them."""
    asked = {"table": table, "column": column, "least": least, "limit": limit}
    return [str(value) for (value,) in _rows(connection, queries.FREQUENT, asked)]


def compiling(connection: "BaseDatabaseWrapper", logins: Collection[str]) -> list[str]:
    """Those of *logins* for whom PostgreSQL compiles plans just in time."""
    return [str(name) for (name,) in _rows(connection, queries.COMPILING, {"logins": [*logins]})]


def lock(connection: "BaseDatabaseWrapper", number: int) -> None:
    """Wait until no other transaction of this database holds *number*."""
    _rows(connection, queries.LOCK, [number])


def _memberships(
    connection: "BaseDatabaseWrapper", ours: set[str], logins: Collection[str]
) -> Iterable[Membership]:
    """Who belongs to our roles, and what these belong to."""
    has_options = server_version(connection) >= MEMBERSHIP_OPTIONS
    query = queries.MEMBERSHIPS if has_options else queries.MEMBERSHIPS_BEFORE_16
    for role, member, inherit, set_role, admin, grantor, makes_roles in _rows(
        connection, query, {"names": sorted(ours)}
    ):
        if admin and not inherit and not set_role and makes_roles and member not in logins:
            # What CREATEROLE gives the maker of a role: it can grant, and is no member.
            continue
        yield Membership(role, member, inherit, set_role, admin, grantor)


def makers(connection: "BaseDatabaseWrapper", roles: Iterable[str]) -> list[str]:
    """What takes from *roles*, and from PUBLIC, what lets them have views, if others have to."""
    return [statement for (statement,) in _rows(connection, queries.MAKERS, {"roles": [*roles]})]


def _grants(connection: "BaseDatabaseWrapper", databases: bool = False) -> Iterable[Grant]:
    for name, role, privilege, *rest in (
        _rows(connection, queries.DATABASE_GRANTS) if databases else ()
    ):
        target = DatabaseObject(ObjectKind.DATABASE, "", name)
        yield Grant(role, target, Privilege(privilege), "", *rest)
    for kind, schema, name, role, privilege, *rest in _rows(connection, queries.RELATION_GRANTS):
        target = DatabaseObject(ObjectKind(kind), schema, name)
        yield Grant(role, target, Privilege(privilege), *rest)
    for name, role, privilege, *rest in _rows(connection, queries.SCHEMA_GRANTS):
        target = DatabaseObject(ObjectKind.SCHEMA, "", name)
        yield Grant(role, target, Privilege(privilege), "", *rest)
    for name, arguments, role, privilege, *rest in _rows(connection, queries.FUNCTION_GRANTS):
        target = DatabaseObject(ObjectKind.FUNCTION, SCHEMA, name, tuple(arguments))
        yield Grant(role, target, Privilege(privilege), "", *rest)


def _rows(
    connection: "BaseDatabaseWrapper", query: str, parameters: Any = None
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def in_force(connection: "BaseDatabaseWrapper") -> Installation:
    """
    The prefix and database name that roles of this database carry.

    What is installed counts; before that, what settings say. A test database has names of
    its own, so that tests never touch the roles of another database.
    """
    recorded = installation(connection)
    conf = get_settings()
    database = str(connection.settings_dict["NAME"])
    is_test = connection.settings_dict.get(TEST_DATABASE)
    if recorded is not None:
        if conf.role_prefix not in (None, recorded.prefix) and not (
            is_test and recorded.prefix.startswith(f"{conf.role_prefix}_")
        ):
            raise PlanError(
                f"This database was installed with the prefix {recorded.prefix!r}, but "
                f"RLS_PERMS['ROLE_PREFIX'] is {conf.role_prefix!r}. Set it back: the roles and "
                "policies of this database carry the first."
            )
        connection.ensure_connection()
        present = str(connection.connection.info.dbname)
        if not is_test and present != recorded.database:
            raise PlanError(
                f"The database {present!r} holds the installation of {recorded.database!r}: it is "
                "a copy of it, or was renamed. Its roles are those of the other database, and what "
                f"is changed here would change them there. Call it {recorded.database!r}, in a "
                "cluster of its own if it is a copy."
            )
        return recorded
    return computed(database, is_test=bool(is_test))


def computed(database: str, *, is_test: bool) -> Installation:
    """The names that settings give *database* before anything is written down in it."""
    configured = get_settings().role_prefix
    if configured is None:
        return Installation(_prefix_of(database), database)
    if is_test:
        return Installation(f"{configured}_{digest(database, 6)}", database)
    return Installation(configured, database)


def _prefix_of(database: str) -> str:
    """*database* as the start of a role's name, short enough to leave room for the rest."""
    plain = slug(database)
    if plain == database and len(plain) <= _LONGEST_PREFIX and not plain.startswith("pg_"):
        return plain
    return f"{plain[: _LONGEST_PREFIX - 9].strip('_') or 'db'}_{digest(database)}"


#: Mark, among a connection's settings, of a database that tests made.
TEST_DATABASE = "RLS_PERMS_TEST_DATABASE"
#: The role that owns a test database, and the one that stands in for the login in it.
TEST_OWNER = "RLS_PERMS_TEST_OWNER"
TEST_LOGIN = "RLS_PERMS_TEST_LOGIN"
#: Whether a test database notes what its roles follow from.
TEST_WATCHED = "RLS_PERMS_TEST_WATCHED"

_LONGEST_PREFIX = 30
