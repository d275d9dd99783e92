"""What a condition can say besides columns and values: who asks, and in which tenant."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.db.models import BooleanField, Expression, Field, Model, Q, QuerySet
from django.db.models import Exists as DjangoExists

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


class Exists(Expression):
    """
    There is a row of *model*, written ``"app_label.Model"``, that fulfils *condition*.

    ``OuterRef("field")`` in *condition* is a field of the row that the policy is about.
    As Django's ``Exists``, but it can be written into a migration. The rows are those
    that the asking role sees.
    """

    conditional = True

    def __init__(self, model: str, condition: Q) -> None:
        super().__init__(output_field=BooleanField())
        if not isinstance(model, str) or "." not in model:
            raise TypeError(
                f"Exists({model!r}, ...) takes the label of a model, as in 'documents.Document'."
            )
        if not isinstance(condition, Q):
            raise TypeError(
                f"Exists({model!r}, {condition!r}) takes a Q object, as filter() does. A queryset "
                "cannot be written into a migration."
            )
        self.model = model
        self.condition = condition

    def related(self, model: type[Model]) -> type[Model]:
        """The model that is asked for, of the same apps (or state of a migration) as *model*."""
        return model._meta.apps.get_model(self.model)

    def resolve_expression(self, query: Any = None, *args: Any, **kwargs: Any) -> Any:
        rows: QuerySet[Any] = QuerySet(self.related(query.model))
        return DjangoExists(rows.filter(self.condition)).resolve_expression(query, *args, **kwargs)

    def __invert__(self) -> Q:  # type: ignore[override]
        return ~Q(self)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "rls_perms.Exists", [self.model, self.condition], {}

    def __repr__(self) -> str:
        return f"Exists({self.model!r}, {self.condition!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Exists):
            return NotImplemented
        return (self.model.lower(), self.condition) == (other.model.lower(), other.condition)

    def __hash__(self) -> int:
        return hash((self.model.lower(), repr(self.condition)))


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
