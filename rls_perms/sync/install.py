"""Put the library's schema and functions into a database, with the right credentials."""

from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from guardian.conf import settings as guardian_settings

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.exceptions import WrongCredentials
from rls_perms.identifiers import digest
from rls_perms.state import Definition
from rls_perms.statements import install as text
from rls_perms.statements.install import Installed, UserTables
from rls_perms.statements.render import joined
from rls_perms.statements.render import text as as_text

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Field


def check_credentials(connection: "BaseDatabaseWrapper") -> catalog.CurrentRole:
    """
    Who is connected, if that is the owner. Raises WrongCredentials before anything is done.
    """
    conf = get_settings()
    role = catalog.current_role(connection)
    hint = (
        f"Use the owner's credentials: --database {conf.owner_database}, an alias with the "
        "owner's USER and the same NAME, or the same settings with the owner's USER and PASSWORD."
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
    if role.name in conf.login_roles and not connection.settings_dict.get(catalog.TEST_DATABASE):
        raise WrongCredentials(
            f"{role.name!r} is one of RLS_PERMS['LOGIN_ROLES'], which may not own tables: row "
            f"security does not hold against an owner. {hint} If {role.name!r} is the owner, "
            "name the web process's login in RLS_PERMS['LOGIN_ROLES']."
        )
    return role


def install(connection: "BaseDatabaseWrapper") -> None:
    """Make the schema, its tables and functions, where they are missing."""
    check_credentials(connection)
    if catalog.installation(connection) is None:
        wanted = catalog.in_force(connection)
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for statement in text.tables():
                cursor.execute(as_text(statement))
            cursor.execute(as_text(text.remember(wanted.prefix, wanted.database)))
    functions = wanted_functions(connection)
    installed = {one.name: one.digest for one in catalog.definitions(connection)}
    if installed.get(functions.name) != functions.digest:
        with connection.cursor() as cursor:
            cursor.execute(functions.sql)


def wanted_functions(connection: "BaseDatabaseWrapper") -> Definition:
    """All functions of the schema, as settings and the user model ask for them."""
    installed = catalog.in_force(connection)
    conf = get_settings()
    is_test = bool(connection.settings_dict.get(catalog.TEST_DATABASE))
    logins = conf.login_roles
    if is_test:
        role = catalog.current_role(connection)
        tester = catalog.logins(connection, [role.session])[role.session]
        logins = () if tester.superuser else (role.session,)
    wanted = Installed(
        prefix=installed.prefix,
        database=installed.database,
        guc_prefix=conf.guc_prefix,
        user_type=_key_type(connection, settings.AUTH_USER_MODEL),
        tenant_type="text" if conf.tenant_model is None else _key_type(connection, conf.tenant_model),
        users=user_tables(connection),
        logins=logins,
        server_version=catalog.server_version(connection),
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


def _field(model: type, name: str) -> "Field | None":
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def _key_type(connection: "BaseDatabaseWrapper", label: str) -> str:
    declared = str(apps.get_model(label)._meta.pk.rel_db_type(connection)).partition("(")[0]
    return "text" if declared in ("varchar", "char") else declared
