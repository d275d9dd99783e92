"""Put the library's schema and functions into a database, with the right credentials."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from guardian.conf import settings as guardian_settings

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.identifiers import digest
from rls_perms.keywords import FIXED_ROLES, RoleKind
from rls_perms.memberships import membership_model
from rls_perms.plan import CreateRole, refuse_taken
from rls_perms.policies.compile import roles_named
from rls_perms.policies.constraint import declaration, role_names
from rls_perms.roles import Role
from rls_perms.state import Definition
from rls_perms.statements import install as text
from rls_perms.statements.changes import statement as make
from rls_perms.statements.install import Installed, MembershipTables, UserTables
from rls_perms.statements.render import joined
from rls_perms.statements.render import text as as_text
from rls_perms.statements.tenants import TenantTable
from rls_perms.sync.credentials import check_logins, lacks_createrole

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def install(connection: "BaseDatabaseWrapper") -> None:
    """
    Make the schema, its tables and functions, where they are missing.

    Before that, whatever would stop the sync after migrate stops it here, where nothing has
    been done yet. Raises PlanError, WrongCredentials, InvalidRoleName.
    """
    catalog.check_credentials(connection)
    check_logins(connection)
    _check_roles(connection)
    if not _is_installed(connection):
        with transaction.atomic(using=connection.alias):
            # Again, since another process may have been at it until now.
            catalog.lock(connection, text.LOCK)
            _make(connection)


def _make(connection: "BaseDatabaseWrapper") -> None:
    wanted = catalog.in_force(connection)
    with connection.cursor() as cursor:
        if catalog.installation(connection) is None:
            for statement in text.tables():
                cursor.execute(as_text(statement))
            cursor.execute(as_text(text.remember(wanted.prefix, wanted.database)))
        if not _is_installed(connection):
            cursor.execute(wanted_functions(connection).sql)


def _is_installed(connection: "BaseDatabaseWrapper") -> bool:
    if catalog.installation(connection) is None:
        return False
    functions = wanted_functions(connection)
    installed = {one.name: one.digest for one in catalog.definitions(connection)}
    return installed.get(functions.name) == functions.digest


def _check_roles(connection: "BaseDatabaseWrapper") -> None:
    """The roles that settings and declarations name are ours, or the owner may make them."""
    installed = catalog.in_force(connection)
    names = role_names(installed)
    wanted = {names.fixed(kind): names.mark(kind) for kind in FIXED_ROLES}
    for group in names.configured:
        wanted[names.group(group)] = names.mark(RoleKind.GROUP, None, group)
    for model in apps.get_models():
        declared = declaration(model)
        if declared is not None:
            wanted |= roles_named(declared.arms, model, names)
    actual = catalog.roles(connection, installed, get_settings().logins_of(connection.alias))
    refuse_taken(actual, wanted)
    present = {role.name for role in actual.roles}
    missing = [Role(name, mark) for name, mark in wanted.items() if name not in present]
    role = catalog.current_role(connection)
    if missing and not (role.create_role or role.superuser):
        version = catalog.server_version(connection)
        raise lacks_createrole(
            role.name, [as_text(make(CreateRole(one), version)) for one in missing]
        )


def wanted_functions(connection: "BaseDatabaseWrapper") -> Definition:
    """All functions of the schema, as settings and the user model ask for them."""
    installed = catalog.in_force(connection)
    conf = get_settings()
    is_test = bool(connection.settings_dict.get(catalog.TEST_DATABASE))
    logins = plain_logins = conf.logins_of(connection.alias)
    if is_test:
        role = catalog.current_role(connection)
        plain_logins = (role.session,)
        tester = catalog.logins(connection, [role.session])[role.session]
        logins = () if tester.superuser else (role.session,)
    wanted = Installed(
        prefix=installed.prefix,
        database=installed.database,
        guc_prefix=conf.guc_prefix,
        user_type=_key_type(connection, settings.AUTH_USER_MODEL),
        tenant_type=(
            "text" if conf.tenant_model is None else _key_type(connection, conf.tenant_model)
        ),
        users=user_tables(connection),
        memberships=membership_tables(connection),
        tenants=tenant_table(connection),
        logins=logins,
        plain_logins=plain_logins,
        server_version=catalog.server_version(connection),
        signed=conf.signed_context,
    )
    statements = joined(text.functions(wanted), "\n")
    fingerprint = digest(as_text(statements), 16)
    return Definition(
        catalog.FUNCTIONS,
        fingerprint,
        as_text(joined([statements, text.remember_functions(fingerprint)], "\n")),
    )


def user_tables(connection: "BaseDatabaseWrapper") -> UserTables:
    """Where the user model keeps what decides about a role."""
    user = apps.get_model(settings.AUTH_USER_MODEL)
    schema = catalog.current_schema(connection)

    def column(name: str) -> str | None:
        field = _field(user, name)
        return None if field is None else str(field.column)

    def through(name: str) -> tuple[str, str, str] | None:
        field = _field(user, name)
        if field is None or not field.many_to_many:
            return None
        return (
            f"{schema}.{field.m2m_db_table()}",
            str(field.m2m_column_name()),
            str(field.m2m_reverse_name()),
        )

    return UserTables(
        users=f"{schema}.{user._meta.db_table}",
        key=user._meta.pk.column,
        key_type=_key_type(connection, settings.AUTH_USER_MODEL),
        active=column("is_active"),
        superuser=column("is_superuser"),
        username=user._meta.get_field(user.USERNAME_FIELD).column,
        anonymous_username=guardian_settings.ANONYMOUS_USER_NAME,
        groups=through("groups"),
        permissions=through("user_permissions"),
    )


def membership_tables(connection: "BaseDatabaseWrapper") -> MembershipTables | None:
    """Where memberships are; None without a model of them, and before its tables are made."""
    found = membership_model()
    label = get_settings().tenant_model
    if found is None or label is None:
        return None
    schema = catalog.current_schema(connection)
    table, key = f"{schema}.{found.model._meta.db_table}", str(found.model._meta.pk.column)
    groups = (table, key, str(found.groups.column))
    if found.groups.many_to_many:
        groups = (
            f"{schema}.{found.groups.m2m_db_table()}",
            str(found.groups.m2m_column_name()),
            str(found.groups.m2m_reverse_name()),
        )
    return MembershipTables(
        table=table,
        key=key,
        user=str(found.user.column),
        tenant=str(found.tenant.column),
        tenant_type=_key_type(connection, label),
        active=None if found.active is None else str(found.active.column),
        groups=groups,
    )


def tenant_table(connection: "BaseDatabaseWrapper") -> TenantTable | None:
    """Where the tenants are, if each has a role."""
    conf = get_settings()
    if conf.tenant_roles is None or conf.tenant_model is None:
        return None
    model: Any = apps.get_model(conf.tenant_model)
    return TenantTable(
        table=f"{catalog.current_schema(connection)}.{model._meta.db_table}",
        key=str(model._meta.pk.column),
        key_type=_key_type(connection, conf.tenant_model),
        shares=conf.tenant_roles.logins,
    )


def _field(model: Any, name: str) -> Any:
    """The field of *model* with that name, None if it has none."""
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def _key_type(connection: "BaseDatabaseWrapper", label: str) -> str:
    declared = str(apps.get_model(label)._meta.pk.rel_db_type(connection)).partition("(")[0]
    return "text" if declared in ("varchar", "char") else declared
