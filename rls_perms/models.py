"""The base of models whose rows belong to a tenant: its key, its floor, its manager."""

from collections.abc import Collection
from typing import Any

from django.db import models
from django.db.models.base import ModelBase
from django.db.models.fields.related import lazy_related_operation

from rls_perms.conf import get_settings
from rls_perms.exceptions import ConfigurationError
from rls_perms.identifiers import shortened
from rls_perms.policies.constraint import RowSecurity
from rls_perms.policies.same_tenant import SameTenant
from rls_perms.querysets import TenantManager, TenantQuerySet
from rls_perms.tenant_rows import fill_tenants
from rls_perms.tenants import filtering_field, own_tenant_field

__all__ = ["TenantManager", "TenantModel", "TenantQuerySet"]


def _reserved() -> int:
    """A place before all fields of the project's models: a base's fields come first."""
    place = models.Field.creation_counter
    models.Field.creation_counter += 1
    return place


PLACE = _reserved()


class TenantModelBase(ModelBase):
    """
    Gives a class its foreign key to the tenant and its floor, before Django makes the model.

    Whatever a class writes into its ``Meta``, and whatever that inherits from, the floor is in
    its constraints.
    """

    def __new__(
        cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any
    ) -> Any:
        if not any(isinstance(base, TenantModelBase) for base in bases):
            return super().__new__(cls, name, bases, attrs, **kwargs)
        _add_key(name, bases, attrs)
        _add_floor(name, bases, attrs)
        model: Any = super().__new__(cls, name, bases, attrs, **kwargs)
        if not model._meta.abstract and not model._meta.proxy:
            _keep_in_tenant(model)
        return model


def _keep_in_tenant(model: Any) -> None:
    """Let each foreign key to rows of tenants stay within the tenant, once there are both."""
    local: list[Any] = model._meta.local_fields
    if get_settings().tenant_fk_field not in (field.name for field in local):
        return
    for field in local:
        if isinstance(field, models.ForeignKey) and getattr(field, "db_constraint", True):
            lazy_related_operation(_add_same_tenant, model, field.remote_field.model, field=field)


def _add_same_tenant(model: Any, related: Any, *, field: Any) -> None:
    to = filtering_field(related)
    declared = (one for one in model._meta.constraints if isinstance(one, SameTenant))
    if to is None or field.remote_field.parent_link or field.name in (x.field for x in declared):
        return
    constraint = SameTenant(
        field.name, tenant=get_settings().tenant_fk_field, parent_tenant=to.name
    )
    names = {"app_label": model._meta.app_label.lower(), "class": model.__name__.lower()}
    constraint.name = shortened(constraint.name % names)
    constraints = [*model._meta.constraints, constraint]
    model._meta.constraints = model._meta.original_attrs["constraints"] = constraints


def _add_key(name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
    conf = get_settings()
    if conf.tenant_model is None:
        raise ConfigurationError(
            f"{name} is a TenantModel, and RLS_PERMS['TENANT_MODEL'] is not set. Write "
            "'app_label.Model', the model whose rows are the tenants."
        )
    key = conf.tenant_fk_field
    if key in attrs:
        if not isinstance(attrs[key], models.ForeignKey):
            raise ConfigurationError(
                f"{name}.{key} is {attrs[key]!r}, where a TenantModel has its foreign key to "
                f"{conf.tenant_model} (RLS_PERMS['TENANT_FK_FIELD']). Remove it, which makes "
                "that key, or write a ForeignKey of your own."
            )
        return
    for base in bases:
        meta = getattr(base, "_meta", None)
        if meta is not None and any(field.name == key for field in meta.fields):
            return
    field: Any = models.ForeignKey(conf.tenant_model, models.CASCADE)
    field.creation_counter = PLACE
    attrs[key] = field


def _add_floor(name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
    meta = attrs.get("Meta") or next((base.Meta for base in bases if hasattr(base, "Meta")), None)
    if getattr(meta, "abstract", False) or getattr(meta, "proxy", False):
        return
    constraints = list(getattr(meta, "constraints", ()))
    own = [one for one in constraints if isinstance(one, RowSecurity)]
    if not own:
        own = _inherited(bases)
        if not own and any(_is_concrete(base) for base in bases):
            # A table of its own beside its parent's: what its rows need its author says, and
            # check E003 asks for it.
            return
    others = [one for one in constraints if not isinstance(one, RowSecurity)]
    declared = own or [RowSecurity()]
    floors = [_with_floor(name, one) for one in declared]
    inside = {
        key: value
        for key, value in vars(meta or object).items()
        if key not in ("__dict__", "__weakref__")
    }
    parents = meta.__bases__ if meta is not None else ()
    attrs["Meta"] = type("Meta", parents, {**inside, "constraints": [*others, *floors]})


def _inherited(bases: tuple[type, ...]) -> list[RowSecurity]:
    """What the nearest abstract base declares, which a ``class Meta:`` of one's own leaves out."""
    for base in bases:
        meta = getattr(base, "_meta", None)
        if meta is not None and meta.abstract:
            found = [one for one in meta.constraints if isinstance(one, RowSecurity)]
            found = found or _inherited(base.__bases__)
            if found:
                return found
    return []


def _is_concrete(base: type) -> bool:
    meta = getattr(base, "_meta", None)
    return meta is not None and not meta.abstract


def _with_floor(name: str, declared: RowSecurity) -> RowSecurity:
    key = get_settings().tenant_fk_field
    if declared.tenant not in (None, key):
        raise ConfigurationError(
            f"{name} is a TenantModel, whose floor is tenant={key!r}, and declares "
            f"RowSecurity(tenant={declared.tenant!r}). Leave tenant out, or derive {name} from "
            "models.Model."
        )
    merged = declared.clone()
    merged.tenant = key
    return merged


class TenantModel(models.Model, metaclass=TenantModelBase):
    """
    Abstract: a model whose rows belong to a tenant.

    It has a foreign key to ``TENANT_MODEL`` under the name ``TENANT_FK_FIELD``, row security
    with that floor, and ``TenantManager``. A class with a ``RowSecurity`` of its own in
    ``Meta.constraints`` gives policies only; the floor is added to it. A row that is saved or
    validated without a tenant gets the context's.

    Its foreign keys to other models of tenants stay within the tenant (``SameTenant``), but for
    those with ``db_constraint=False`` and those to rows that are shared with other tenants.

    Raises ConfigurationError without ``TENANT_MODEL``, and for a class that takes the key away
    or declares another floor.
    """

    objects = TenantManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        fill_tenants([self], type(self))
        super().save(*args, **kwargs)

    def full_clean(self, *args: Any, **kwargs: Any) -> None:
        fill_tenants([self], type(self))
        super().full_clean(*args, **kwargs)

    # A form without the tenant leaves it out here, too, and what is unique within the tenant
    # would be found out by PostgreSQL alone.

    def validate_unique(self, exclude: Collection[str] | None = None) -> None:
        super().validate_unique(exclude=self._with_tenant(exclude))

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        super().validate_constraints(exclude=self._with_tenant(exclude))

    def _with_tenant(self, exclude: Collection[str] | None) -> set[str]:
        """*exclude* without the tenant, if it is known."""
        left = set(exclude or ())
        field = own_tenant_field(type(self))
        if field is not None and getattr(self, field.attname) is not None:
            left.discard(field.name)
        return left
