"""As whom a command is to run, by its options."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError, ObjectDoesNotExist, ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db.models import Model

from rls_perms.conf import get_settings
from rls_perms.policies.constraint import declaration
from rls_perms.session import Entering, as_role, as_system, as_user

#: The role of superusers in a tenant: what "a tenant" alone means.
SUPERUSER = "superuser"


def add_options(parser: CommandParser, prefix: str = "") -> None:
    """Add --user, --role, --system and --tenant, each with *prefix* before its name."""
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        f"--{prefix}user",
        dest="asking_user",
        metavar="NAME",
        help="as this user (by what users sign in with), in the user's own tenant",
    )
    who.add_argument(
        f"--{prefix}role",
        dest="asking_role",
        metavar="ROLE",
        help="as one role, by its name without prefix, and no user",
    )
    who.add_argument(
        f"--{prefix}system",
        dest="asking_system",
        metavar="REASON",
        help="as the system: every row of every tenant; the reason goes to the audit log",
    )
    parser.add_argument(
        f"--{prefix}tenant",
        dest="asking_tenant",
        metavar="TENANT",
        help="in this tenant: its key, or field=value; without a user or role: all of its rows, "
        "as a superuser sees them",
    )


def is_asked(options: dict[str, Any]) -> bool:
    """Whether the options say anything of a context."""
    return any(
        options.get(f"asking_{one}") is not None for one in ("user", "role", "system", "tenant")
    )


def asked_entering(options: dict[str, Any]) -> Entering:
    """The context that the options say. Raises CommandError for who or what is not there."""
    tenant, _ = asked_tenant(options)
    return entering(options, tenant)


def asked_tenant(options: dict[str, Any]) -> tuple[Model, str] | tuple[None, None]:
    """The tenant that the options say, with its name. Raises CommandError for one not there."""
    given = options.get("asking_tenant")
    return (None, None) if given is None else find_tenant(given)


def entering(options: dict[str, Any], tenant: Model | None) -> Entering:
    """The context that the options say, in *tenant*; None is the user's own, or no tenant."""
    if (reason := options.get("asking_system")) is not None:
        if tenant is not None:
            raise CommandError("The system sees every tenant: leave the tenant out, or the system.")
        if not reason.strip():
            raise CommandError("Say the reason for running as the system: it is for the audit log.")
        return as_system(reason=reason)
    if (name := options.get("asking_user")) is not None:
        user = find_user(name)
        return as_user(user) if tenant is None else as_user(user, tenant=tenant)
    if (role := options.get("asking_role")) is not None:
        if role == "system" or not role:
            raise CommandError("The system needs a reason: use the option for it, with a reason.")
        return as_role(role, tenant=tenant)
    return as_role(SUPERUSER, tenant=tenant)


def find_user(name: str) -> Any:
    """The user who signs in as *name*. Raises CommandError."""
    model = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist as error:
        raise CommandError(
            f"There is no user {name!r}: users are found by {model.USERNAME_FIELD}."
        ) from error


def find_tenant(given: str) -> tuple[Model, str]:
    """
    The tenant whose key is *given*, or to which ``field=value`` applies, with its name.

    Raises CommandError.
    """
    model: Any = tenant_model()
    field, is_named, value = given.partition("=")
    condition = {field: value} if is_named else {"pk": given}
    try:
        with reading_tenants():
            found = model._base_manager.get(**condition)
            return found, str(found)
    except (ObjectDoesNotExist, ValidationError, ValueError) as error:
        raise CommandError(
            f"There is no tenant {given!r} ({model._meta.label}). Give its key, or field=value."
        ) from error
    except FieldError as error:
        raise CommandError(f"{given!r} finds no tenant: {error}") from error
    except model.MultipleObjectsReturned as error:
        raise CommandError(f"{given!r} is said of several tenants. Give the key of one.") from error


def all_tenants() -> list[tuple[Model, str]]:
    """Every tenant with its name, in the order of their keys."""
    with reading_tenants():
        return [(one, str(one)) for one in tenant_model()._base_manager.order_by("pk")]


def tenant_model() -> type[Model]:
    label = get_settings().tenant_model
    if label is None:
        raise CommandError("There are no tenants: RLS_PERMS['TENANT_MODEL'] names no model.")
    return apps.get_model(label)


@contextmanager
def reading_tenants() -> Iterator[None]:
    """Read tenants before there is a context; of a protected model, as the system."""
    needed: AbstractContextManager[Any] = nullcontext()
    if declaration(tenant_model()) is not None:
        needed = as_system(reason="a command looks up tenants")
    with needed:
        yield
