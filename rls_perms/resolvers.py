"""In which tenant a request runs: ready-made functions for ``TENANT_RESOLVER``."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.http import Http404, HttpRequest

from rls_perms import audit
from rls_perms.conf import get_settings
from rls_perms.context import Asker, Context
from rls_perms.exceptions import ConfigurationError, PermissionDenied
from rls_perms.memberships import belongs_to, default_tenant
from rls_perms.policies.constraint import declaration
from rls_perms.session import as_system, tenant_key, user_key

#: Where a session keeps the tenant that its user chose, and for whom.
SESSION_KEY = "rls_perms_tenant"


@dataclass(frozen=True, slots=True)
class FromUser:
    """The user's own tenant, or the only one of theirs. It is what no resolver means, too."""

    #: Whether whoever sends a request chooses the tenant in it.
    client_controlled = False

    def __call__(self, request: HttpRequest) -> Any:
        return default_tenant(_user(request))


@dataclass(frozen=True, slots=True, kw_only=True)
class FromSession:
    """
    The tenant that the user chose with ``choose_tenant``; else as ``FromUser``.

    A choice counts for the user who made it, and as long as they belong to the tenant: after
    that it is as if nothing had been chosen.
    """

    client_controlled = False

    def __call__(self, request: HttpRequest) -> Any:
        user = _user(request)
        if getattr(user, "is_anonymous", False):
            return None
        chosen = chosen_tenant(request)
        return default_tenant(user) if chosen is None else chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class FromSubdomain:
    """
    The tenant that the first label of the host names: ``acme.example.com``.

    *field* is the tenant's field that holds the label. *domain* is what follows it, as
    ``"example.com"``; left out, each entry of ALLOWED_HOSTS that begins with a dot is one. Of
    the domain itself, and of *reserved* labels, it answers None. A label that no tenant has is
    Http404.
    """

    field: str = "slug"
    domain: str | None = None
    #: Labels that stand for no tenant.
    reserved: tuple[str, ...] = ("www",)
    client_controlled = True

    def __call__(self, request: HttpRequest) -> Any:
        label = self._label(request.get_host())
        if label is None:
            return None
        found = _found(self.field, label)
        if found is None:
            raise Http404(f"No tenant {label!r}.")
        return found

    def _label(self, host: str) -> str | None:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        name = name.lower().rstrip(".")
        for domain in self._domains():
            label, _, rest = name.partition(".")
            if rest == domain and label:
                return None if label in self.reserved else label
            if name == domain:
                return None
        return None

    def _domains(self) -> list[str]:
        if self.domain is not None:
            return [self.domain.lower().strip(".")]
        found = [host.lower().strip(".") for host in settings.ALLOWED_HOSTS if host[:1] == "."]
        if not found:
            raise ConfigurationError(
                "FromSubdomain() knows no domain: no entry of ALLOWED_HOSTS begins with a dot. "
                "Add '.example.com' to ALLOWED_HOSTS, or write FromSubdomain(domain='example.com')."
            )
        # The longest first: of a.b.com and b.com, the host x.a.b.com is the first one's.
        return sorted(found, key=len, reverse=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FromHeader:
    """
    The tenant that a header of the request names, for APIs; without it as ``FromUser``.

    *name* is the header's, *field* the tenant's field that holds its value. A value that no
    tenant has is PermissionDenied, as a tenant of others is: it tells nobody which there are.
    """

    name: str = "X-Tenant"
    field: str = "pk"
    client_controlled = True

    def __call__(self, request: HttpRequest) -> Any:
        value = request.headers.get(self.name)
        if value is None:
            return default_tenant(_user(request))
        found = _found(self.field, value)
        if found is None:
            tell_refused(_user(request), value)
            raise PermissionDenied(
                f"The header {self.name!r} of the request names tenant {value!r}, which is none "
                "that its user may work in. The request was refused before any query."
            )
        return found


#: For ``RLS_PERMS["TENANT_RESOLVER"]``, with the defaults of each.
from_user = FromUser()
from_session = FromSession()
from_subdomain = FromSubdomain()
from_header = FromHeader()


# The tenant of a session


def choose_tenant(request: HttpRequest, tenant: Any) -> None:
    """
    Let the session's user work in *tenant*, a tenant or its key; None takes the choice back.

    For a project with ``TENANT_RESOLVER = "rls_perms.resolvers.from_session"``. It counts from
    the next request on. Raises PermissionDenied for a tenant to which the user does not
    belong, and for a visitor.
    """
    user = _user(request)
    if tenant is None:
        request.session.pop(SESSION_KEY, None)
        return
    key = tenant_key(tenant)
    if getattr(user, "is_anonymous", False) or not belongs_to(user, key) or not _exists(key):
        tell_refused(user, key)
        raise PermissionDenied(
            f"Tenant {key!r} cannot be chosen by {user!s}: they do not belong to it.",
            action="view",
        )
    request.session[SESSION_KEY] = {"user": str(user.pk), "tenant": key}


def chosen_tenant(request: HttpRequest) -> str | None:
    """The key of the tenant that the session's user chose, if they still belong to it."""
    chosen = request.session.get(SESSION_KEY)
    user = _user(request)
    if not isinstance(chosen, dict) or chosen.get("user") != str(user.pk):
        return None
    tenant = chosen.get("tenant")
    return str(tenant) if tenant is not None and belongs_to(user, tenant) else None


def tell_refused(user: Any, tenant: str | None) -> None:
    """Tell the audit log that *user* may not work in *tenant*, a key as it was asked for."""
    key = user_key(user)
    asker = Asker.ANONYMOUS if key is None else Asker.USER
    audit.denied(audit.Cause.TENANT, Context(asker=asker, user=key, tenant=tenant))


# Finding a tenant


def _user(request: HttpRequest) -> Any:
    return request.user


def tenant_model() -> Any:
    """The model of ``TENANT_MODEL``. Raises ConfigurationError without one."""
    label = get_settings().tenant_model
    if label is None:
        raise ConfigurationError(
            "RLS_PERMS['TENANT_RESOLVER'] resolves a tenant, and there is no model of tenants. "
            "Set RLS_PERMS['TENANT_MODEL']."
        )
    return apps.get_model(label)


def reading_tenants() -> AbstractContextManager[Any]:
    """For finding tenants: no context has one yet, and their table may be protected."""
    model = tenant_model()
    if declaration(model) is None:
        return nullcontext()
    return as_system(reason="finding the tenant of a request")


def _found(field: str, value: str) -> Any:
    """The key of the tenant that has *value*; None if there is none."""
    model = tenant_model()
    if field != "pk":
        try:
            unique = model._meta.get_field(field).unique
        except FieldDoesNotExist as error:
            raise ConfigurationError(
                f"RLS_PERMS['TENANT_RESOLVER'] finds tenants by {field!r}, which is no field of "
                f"{model._meta.label}. Write field=... with the name of one that is unique."
            ) from error
        if not unique:
            raise ConfigurationError(
                f"RLS_PERMS['TENANT_RESOLVER'] finds tenants by {field!r}, which several tenants "
                f"could share. Make {model._meta.label}.{field} unique."
            )
    with reading_tenants():
        try:
            return model._base_manager.filter(**{field: value}).values_list("pk", flat=True).first()
        except (ValueError, ValidationError):
            return None


def _exists(key: str | None) -> bool:
    model = tenant_model()
    with reading_tenants():
        try:
            return bool(model._base_manager.filter(pk=key).exists())
        except (ValueError, ValidationError):
            return False
