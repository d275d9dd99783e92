"""What a condition can say besides columns and values: who asks, where, and with what."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.db.models import BooleanField, Expression, Field, Model, Q, QuerySet
from django.db.models import Exists as DjangoExists
from psycopg import sql

from rls_perms.conf import WORD, get_settings
from rls_perms.exceptions import ConfigurationError
from rls_perms.identifiers import MAX_BYTES, fits

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

#: Names of values that the library sets itself: who asks, and the keys of rows being inserted.
OWN_SETTINGS = ("user_id", "tenant_id", "proof")
OWN_SETTING_STARTS = ("new_",)

_MODIFIER = re.compile(r"\([^)]*\)|(?<=\[)\d+(?=\])")


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


class Setting(_ContextValue):
    """
    A value of the context, by its *name*; NULL where nothing sets it, and then no row equals it.

    ``RLS_PERMS["CONTEXT_PROCESSORS"]`` and ``as_user(..., settings={name: value})`` set it.
    *output_field* is a model field, as ``IntegerField()``: it says how a value is read, checks
    it when it is set, and is the type in SQL.
    """

    def __init__(self, name: str, *, output_field: "Field[Any, Any]") -> None:
        check_setting_name(name, f"Setting({name!r})")
        if not isinstance(output_field, Field) or output_field.is_relation:
            raise TypeError(
                f"Setting({name!r}, output_field={output_field!r}) takes a field of a type of its "
                "own, as in output_field=models.IntegerField(). For a key write the type of the "
                "key, such as models.BigIntegerField() or models.UUIDField()."
            )
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(
        self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper"
    ) -> tuple[str, tuple[Any, ...]]:
        read = sql.SQL("(SELECT rls_perms.setting({})::{})").format(
            sql.Literal(self.name), sql.SQL(unlimited_type(self.output_field, connection))
        )
        return read.as_string(None), ()

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "rls_perms.Setting", [self.name], {"output_field": self.output_field}

    def __repr__(self) -> str:
        return f"Setting({self.name!r}, output_field={field_text(self.output_field)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Setting):
            return NotImplemented
        same = same_field(self.output_field, other.output_field)
        return type(other) is type(self) and self.name == other.name and same

    def __hash__(self) -> int:
        return hash((type(self), self.name))


def check_setting_name(name: object, where: str) -> None:
    """Raise ConfigurationError for what cannot be the name of a value; *where* says it."""
    if not isinstance(name, str) or not WORD.fullmatch(name) or not fits(name):
        raise ConfigurationError(
            f"{where} names a value {name!r}, but it becomes the last part of the name of a "
            f"PostgreSQL setting: at most {MAX_BYTES} of a-z, 0-9 and _, no digit first. Write one "
            "such as 'region'."
        )
    if name in OWN_SETTINGS or name.startswith(OWN_SETTING_STARTS):
        raise ConfigurationError(
            f"{where} names a value {name!r}, which the library sets itself: user_id and tenant_id "
            "say who asks (CurrentUser() and CurrentTenant() in a policy), proof proves it, "
            f"new_... are keys of new rows. Write another name, such as 'my_{name}'."
        )


def unlimited_type(field: "Field[Any, Any]", connection: "BaseDatabaseWrapper") -> str:
    """The SQL type of *field*, without a length, size or precision: a cast to one cuts values."""
    declared = _MODIFIER.sub("", str(field.cast_db_type(connection)))
    # Without a length, char is char(1).
    return re.sub(r"^(char|character)(?! varying)\b", "bpchar", declared)


def same_field(one: "Field[Any, Any]", other: "Field[Any, Any]") -> bool:
    """Whether two fields read and check values alike; Django's own comparison asks for names."""
    return bool(_parts(one) == _parts(other))


def _parts(value: Any) -> Any:
    """*value* with the fields in it, as that of an array's elements, taken apart."""
    match value:
        case Field():
            _, path, args, kwargs = value.deconstruct()
            return path, _parts(args), _parts(kwargs)
        case list() | tuple():
            return [_parts(one) for one in value]
        case dict():
            return {name: _parts(one) for name, one in value.items()}
    return value


def field_text(field: "Field[Any, Any]") -> str:
    """
    *field* as it is written, by what is text or number in it.

    A digest is made of it, so whatever differs from process to process is left out, such as
    the address of a validator or a label in the language of the moment.
    """
    _, _, args, kwargs = field.deconstruct()
    options = [_plain(one) for one in args]
    options += [f"{name}={text}" for name, one in kwargs.items() if (text := _plain(one))]
    return f"{type(field).__name__}({', '.join(filter(None, options))})"


def _plain(value: object) -> str:
    if isinstance(value, Field):
        return field_text(value)
    return repr(value) if value is None or type(value) in (bool, int, float, str) else ""


def settings_in(value: Any) -> "Iterable[Setting]":
    """Every Setting in a condition, a declaration or any value that can be deconstructed."""
    if isinstance(value, Setting):
        yield value
    elif isinstance(value, Mapping):
        yield from settings_in(tuple(value.values()))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from settings_in(one)
    elif isinstance(value, (Field, type)):
        return
    elif hasattr(value, "deconstruct"):
        _, args, kwargs = value.deconstruct()
        yield from settings_in((tuple(args), kwargs))


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
