"""``RLSManager``, whose queries name the tenant, and ``for_user()``."""

from typing import Any, Self

from django.apps import apps
from django.db.models import F

from rls_perms.conf import get_settings
from rls_perms.contrib.django_rls_tenants.tenants.users import tenant_of
from rls_perms.querysets import TenantManager
from rls_perms.querysets import TenantQuerySet as OfContext
from rls_perms.session import LEFT_OUT
from rls_perms.tenants import TenantIs, own_tenant_field

__all__ = ["RLSManager", "TenantQuerySet"]


class TenantQuerySet(OfContext):
    """The queryset of ``TenantManager``, with the tenant that a user's ``rls_tenant_id`` says."""

    def for_user(self, as_user: Any, *, tenant: Any = LEFT_OUT) -> Self:
        """
        The rows that *as_user* sees, in the tenant of ``rls_tenant_id``: by policy and by WHERE.

        Each statement runs as that user, so permissions count, too. ``is_tenant_admin`` is no
        tenant, for superusers. Raises as ``tenant_of`` and ``as_user``, at once.
        """
        return super().for_user(
            as_user, tenant=tenant_of(as_user) if tenant is LEFT_OUT else tenant
        )


class RLSManager(TenantManager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """
    The manager of ``RLSProtectedModel``: its queries name the context's tenant.

    They do so on a model with rows that other tenants share, too; ``including_shared()`` has
    those.
    """

    def get_queryset(self) -> TenantQuerySet:
        rows: TenantQuerySet = super().get_queryset()
        field = own_tenant_field(self.model)
        return rows if field is None else rows.filter(TenantIs(F(field.name)))

    def including_shared(self) -> TenantQuerySet:
        """All rows that the policies show, those that other tenants share among them."""
        rows: TenantQuerySet = super().get_queryset()
        return rows

    def prepare_tenant_in_model_data(self, model_data: dict[str, Any], as_user: Any) -> None:
        """Let *model_data* name the tenant by its key, where it gives a key and no tenant."""
        conf = get_settings()
        name = conf.tenant_fk_field
        tenant = model_data.get(name)
        if tenant is None or conf.tenant_model is None:
            return
        if not isinstance(tenant, apps.get_model(conf.tenant_model)):
            model_data[f"{name}_id"] = model_data.pop(name)
