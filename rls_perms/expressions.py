"""What a condition can say besides columns and values: who asks, and in which tenant."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.db.models import Expression, Field

from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler


class _ContextValue(Expression):
    """A value of the context, read once a statement: wrapped in a scalar sub-select."""

    function: str
    #: Its value is known only to the database, so it is never a constant of the query.
    allowed_default = False

    def as_sql(
        self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper"
    ) -> tuple[str, tuple[Any, ...]]:
        return f"(SELECT rls_perms.{self.function}())", ()

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return f"rls_perms.{type(self).__name__}", [], {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


class CurrentUser(_ContextValue):
    """
    The key of the user who asks; NULL for nobody and for an inactive user.

    For a request without a user it is guardian's anonymous user, if there is one.
    """

    function = "user_id"

    def _resolve_output_field(self) -> "Field[Any, Any]":
        return key_field(settings.AUTH_USER_MODEL)


class CurrentTenant(_ContextValue):
    """The key of the tenant of the context; NULL without one, and then no row is shown."""

    function = "tenant_id"

    def _resolve_output_field(self) -> "Field[Any, Any]":
        return tenant_model_key()


def tenant_model_key() -> "Field[Any, Any]":
    """The primary key of ``RLS_PERMS["TENANT_MODEL"]``, from which types are read."""
    label = get_settings().tenant_model
    if label is None:
        raise ConfigurationError(
            "A tenant is asked for, but RLS_PERMS['TENANT_MODEL'] is not set. "
            "Set it to your tenant model, as in 'tenants.Tenant'."
        )
    return key_field(label)


def key_field(label: str) -> "Field[Any, Any]":
    """The primary key of the model *label*, written ``app_label.Model``."""
    key: Field[Any, Any] = apps.get_model(label)._meta.pk
    return key
