"""Forms for rows of tenants: the tenant filled in, choices of one tenant."""

from typing import TYPE_CHECKING, Any

from django.forms import ModelChoiceField

from rls_perms.tenants import filtering_field, own_tenant_field, tenant_of_context

if TYPE_CHECKING:
    from django.forms import ModelForm

    _ModelForm = ModelForm[Any]
else:
    _ModelForm = object


class TenantFormMixin(_ModelForm):
    """
    Beside ``ModelForm``, for a model with a tenant: ``class ClientForm(TenantFormMixin, ...)``.

    In a tenant the form has no field for it: the row gets the context's. Its other choices are
    rows of one tenant, the context's or, for whoever has all, that of the row that is edited.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = own_tenant_field(self._meta.model)
        if own is None:
            return
        tenant: Any = tenant_of_context()
        if tenant is not None:
            self.fields.pop(own.name, None)
        elif self.instance is not None:
            tenant = getattr(self.instance, own.attname)
        if tenant is None:
            return
        for name, field in self.fields.items():
            queryset = getattr(field, "queryset", None)
            if not isinstance(field, ModelChoiceField) or queryset is None or name == own.name:
                continue
            to = filtering_field(queryset.model)
            if to is not None:
                field.queryset = queryset.filter(**{to.name: tenant})
