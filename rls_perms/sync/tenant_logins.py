"""Make, list and drop the logins with which a tenant's own people use SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.exceptions import PlanError
from rls_perms.identifiers import MAX_BYTES, fits, slug
from rls_perms.plan import AddMembership
from rls_perms.statements import advice
from rls_perms.statements import tenant_logins as text
from rls_perms.statements.changes import statement
from rls_perms.statements.render import text as as_text
from rls_perms.statements.tenant_logins import TenantLogin
from rls_perms.sync.apply import plan
from rls_perms.sync.auth import many_to_many
from rls_perms.sync.tables import survey
from rls_perms.sync.written_logins import known_logins

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, slots=True)
class Described:
    """A tenant's login, in the words of whoever reads a list."""

    login: str
    tenant: str
    groups: tuple[str, ...]
    #: -1 is as many as the server has.
    connection_limit: int
    #: What its sessions start with, as ``name=value``.
    starts_with: tuple[str, ...]
    open_sessions: int


def create_tenant_login(
    connection: "BaseDatabaseWrapper",
    tenant: str,
    groups: Iterable[str],
    *,
    login: str | None = None,
    password: str | None = None,
    connection_limit: int = -1,
    parameters: Mapping[str, str] | None = None,
    open_tables: bool = False,
) -> str:
    """
    Make a login of one tenant with the rights of *groups*, by name; return what it is called.

    *tenant* is a key, or a value of one of the model's unique fields. *parameters* are what its
    sessions start with. Without *open_tables* it raises PlanError where tables are open to
    every session role, since their rows are not one tenant's.

    Raises PlanError where there is no such tenant or group, or the login cannot be called so.
    """
    installed = _installed(connection)
    found = _tenant(connection, tenant)
    made = TenantLogin(
        login or f"{installed.prefix}_sql_{slug(tenant)}",
        str(found.pk),
        tuple(_group_keys(connection, groups)),
    )
    _check_name(connection, made.login, installed.prefix)
    if not open_tables:
        _refuse_open_tables(connection)
    version = catalog.server_version(connection)
    said = text.mark(installed.prefix, installed.database, made.tenant)
    kept = None if password is None else _kept(connection, made.login, password)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for one in text.create(made, said, connection_limit, kept):
            cursor.execute(as_text(one))
        for one in text.start_with(made.login, parameters or {}):
            cursor.execute(as_text(one))
        for change in plan(connection).plan:
            if isinstance(change, AddMembership) and change.membership.member == made.login:
                cursor.execute(as_text(statement(change, version)))
    return made.login


def drop_tenant_login(connection: "BaseDatabaseWrapper", login: str) -> None:
    """
    Drop a tenant's login. Its open sessions lose every right at once.

    Raises PlanError if it is none, and where PostgreSQL has something that needs it.
    """
    installed = _installed(connection)
    with connection.cursor() as cursor:
        cursor.execute(text.MARK_OF, [login])
        row = cursor.fetchone()
    if row is None or not text.is_of(row[0], installed.prefix, installed.database):
        raise PlanError(
            f"{login!r} is no tenant's login of this database, so it is not dropped. Run "
            "list_tenant_logins to see those that there are."
        )
    if needed := catalog.dependencies(connection, [login]).get(login):
        raise PlanError(
            f"{', '.join(map(str, needed))} still needs the login {login!r}, so it stays. Run "
            f"there: {advice.give_up(login)}; then drop it again."
        )
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for one in text.drop(login):
            cursor.execute(as_text(one))


def list_tenant_logins(connection: "BaseDatabaseWrapper") -> list[Described]:
    """The logins that there are, by name."""
    _installed(connection)
    known = {one.login: one for one in known_logins(connection)}
    names = {str(key): name for key, name in _groups(connection).values_list("pk", "name")}
    with connection.cursor() as cursor:
        cursor.execute(text.DETAILS, {"names": sorted(known)})
        return [
            Described(
                login,
                known[login].tenant,
                tuple(sorted(names[key] for key in known[login].groups if key in names)),
                limit,
                tuple(starts_with),
                sessions,
            )
            for login, limit, starts_with, sessions in sorted(cursor.fetchall())
        ]


def _installed(connection: "BaseDatabaseWrapper") -> catalog.Installation:
    role = catalog.check_credentials(connection)
    found = catalog.installation(connection)
    if found is None:
        raise PlanError(
            f"rls_perms is not installed in {role.database!r} yet. Run migrate with the owner's "
            "credentials first."
        )
    return found


def _tenant(connection: "BaseDatabaseWrapper", given: str) -> Any:
    label = get_settings().tenant_model
    if label is None:
        raise PlanError("There are no tenants: RLS_PERMS['TENANT_MODEL'] is not set.")
    model: Any = apps.get_model(label)
    rows = model._base_manager.using(connection.alias)
    unique = [one.name for one in model._meta.concrete_fields if one.unique]
    for name in unique:
        try:
            found = rows.filter(**{name: given}).first()
        except (ValueError, ValidationError):  # a text that is no such key
            continue
        if found is not None:
            return found
    raise PlanError(
        f"There is no {model._meta.label} with {' or '.join(unique)} {given!r}. Give one of these."
    )


def _groups(connection: "BaseDatabaseWrapper") -> Any:
    user: Any = apps.get_model(settings.AUTH_USER_MODEL)
    field = many_to_many(user, "groups")
    if field is None:
        raise PlanError(f"{user._meta.label} has no groups, so no login can have their rights.")
    return field.remote_field.model._base_manager.using(connection.alias)


def _group_keys(connection: "BaseDatabaseWrapper", names: Iterable[str]) -> Sequence[str]:
    wanted = list(dict.fromkeys(names))
    known = {name: str(key) for key, name in _groups(connection).values_list("pk", "name")}
    for name in wanted:
        if name not in known:
            raise PlanError(
                f"There is no group {name!r}. Known: {', '.join(sorted(known)) or 'none'}."
            )
    return [known[name] for name in wanted]


def _check_name(connection: "BaseDatabaseWrapper", login: str, prefix: str) -> None:
    if not login.startswith(f"{prefix}_"):
        raise PlanError(
            f"{login!r} does not start with {prefix + '_'!r}, as every role of ours does. Call it "
            f"{prefix}_{login}."
        )
    if not fits(login):
        raise PlanError(
            f"{login!r} is {len(login.encode())} bytes long; PostgreSQL keeps only {MAX_BYTES}. "
            "Give a shorter one with --login."
        )
    with connection.cursor() as cursor:
        cursor.execute(text.MARK_OF, [login])
        if cursor.fetchone() is not None:
            raise PlanError(
                f"There is a role {login!r} already. Drop it with drop_tenant_login, or give "
                "another name with --login."
            )


def _refuse_open_tables(connection: "BaseDatabaseWrapper") -> None:
    """What every session role may use is the same for all tenants."""
    role = catalog.current_role(connection)
    tables = survey(connection, role.installed_by or role.name).tables
    found = [one.table.name for one in tables.open]
    found += [f"{one.table.name} ({', '.join(columns)})" for one, columns in tables.readable]
    if found:
        raise PlanError(
            "A tenant's login may use what every session role may, whatever the tenant: "
            f"{'; '.join(sorted(found))}. Give these models a RowSecurity, name columns of users "
            "in RLS_PERMS['SENSITIVE_FIELDS'], or accept it with --open-tables."
        )


def _kept(connection: "BaseDatabaseWrapper", login: str, password: str) -> str:
    """*password* as PostgreSQL keeps it: its log then never has it in clear."""
    connection.ensure_connection()
    driver: Any = connection.connection
    made = driver.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
    return str(made.decode())
