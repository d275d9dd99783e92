"""Serializers of Django REST framework for rows of tenants."""

import copy
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import F, UniqueConstraint
from rest_framework import serializers

from rls_perms.policies import SameTenant
from rls_perms.querysets import TenantQuerySet
from rls_perms.tenant_rows import fill_tenants
from rls_perms.tenants import (
    TenantIs,
    filtering_field,
    given_tenant,
    own_tenant_field,
    tenant_of_context,
)

_ModelSerializer: Any = serializers.ModelSerializer if TYPE_CHECKING else object


class CurrentTenantDefault:
    """The tenant of the context, as a default for a field; None without one. It costs no query."""

    requires_context = True

    def __call__(self, serializer_field: Any) -> Any:
        field = own_tenant_field(serializer_field.parent.Meta.model)
        given = None if field is None else given_tenant(field)
        if field is None or given is None:
            return None
        return field.related_model(**{field.target_field.attname: given})

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class TenantSerializerMixin(_ModelSerializer):  # type: ignore[misc]
    """
    Beside ``ModelSerializer``, for a model with a tenant: mixin first.

    In a tenant its tenant field is read-only, and a row that is made gets the context's; related
    fields find rows of the tenant alone. Whoever has all tenants (a superuser without one, the
    system) writes the field, if the serializer has it. A foreign key that leaves the tenant
    (``SameTenant``) is the error of a row that is not there, and what is unique within the
    tenant is checked although the tenant is no field.
    """

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if tenant_of_context() is None:
            return fields
        own = own_tenant_field(self.Meta.model)
        for name, field in fields.items():
            if own is not None and (field.source or name) in (own.name, own.attname):
                if not field.read_only:
                    fields[name] = serializers.PrimaryKeyRelatedField(
                        read_only=True, default=CurrentTenantDefault(), source=_source(name, own)
                    )
                continue
            _limit(getattr(field, "child_relation", field))
        return fields

    def validate(self, attrs: Any) -> Any:
        attrs = super().validate(attrs)
        model = self.Meta.model
        own = own_tenant_field(model)
        if own is None:
            return attrs
        row = copy.copy(self.instance) if isinstance(self.instance, model) else model()
        columns = {field.name for field in model._meta.concrete_fields}
        columns |= {field.attname for field in model._meta.concrete_fields}
        for name, value in attrs.items():
            if name in columns:
                setattr(row, name, value)
        fill_tenants([row], model)
        errors: dict[str, list[str]] = {}
        for constraint in self._own_constraints(attrs, own):
            try:
                constraint.validate(model, row, using=router.db_for_write(model, instance=row))
            except ValidationError as error:
                for name, messages in _messages(error).items():
                    errors.setdefault(self._named(name), []).extend(messages)
        if errors:
            raise serializers.ValidationError(errors)
        return attrs

    def _own_constraints(self, attrs: Any, own: Any) -> list[Any]:
        """Those constraints that what is written may break, and that nobody else checks."""
        moved = own.name in attrs or own.attname in attrs
        found: list[Any] = []
        for constraint in self.Meta.model._meta.constraints:
            if isinstance(constraint, SameTenant):
                field = self.Meta.model._meta.get_field(constraint.field)
                if moved or field.name in attrs or field.attname in attrs:
                    found.append(constraint)
            elif isinstance(constraint, UniqueConstraint) and own.name in constraint.fields:
                others = [name for name in constraint.fields if name != own.name]
                if own.name not in self.fields and any(name in attrs for name in others):
                    found.append(constraint)
        return found

    def _named(self, name: str) -> str:
        """The field of the serializer that writes the model's field *name*."""
        for own, field in self.fields.items():
            if not field.read_only and field.source == name:
                return str(own)
        return "non_field_errors"

    def create(self, validated_data: Any) -> Any:
        own = own_tenant_field(self.Meta.model)
        if own is not None and not {own.name, own.attname} & set(validated_data):
            given = given_tenant(own)
            if given is not None:
                validated_data = {**validated_data, own.attname: given}
        return super().create(validated_data)


def _source(name: str, own: Any) -> Any:
    """``source`` for a field *name*; DRF refuses one that says nothing new."""
    return None if name == own.name else own.name


def _limit(field: Any) -> None:
    queryset = getattr(field, "queryset", None)
    if queryset is None or isinstance(queryset, TenantQuerySet):
        return
    rows = queryset.all()
    tenant = filtering_field(rows.model)
    if tenant is not None and not isinstance(rows, TenantQuerySet):
        field.queryset = rows.filter(TenantIs(F(tenant.name)))


def _messages(error: ValidationError) -> dict[str, list[str]]:
    if hasattr(error, "error_dict"):
        return error.message_dict
    return {"": error.messages}
