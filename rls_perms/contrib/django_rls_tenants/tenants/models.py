"""``RLSProtectedModel``: a ``TenantModel`` all of whose rows every user of the tenant has."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from rls_perms.contrib.django_rls_tenants.refused import refuse
from rls_perms.contrib.django_rls_tenants.rls.constraints import WHOLE_TENANT
from rls_perms.contrib.django_rls_tenants.tenants.managers import RLSManager
from rls_perms.exceptions import ConfigurationError
from rls_perms.models import TenantModel
from rls_perms.policies import RowSecurity

__all__ = ["RLSProtectedModel"]


class RLSProtectedModel(TenantModel):
    """
    Abstract: a model whose rows belong to a tenant, and within it to every signed-in user.

    As with django-rls-tenants, no permission is asked for: whoever is in the tenant may view,
    add, change and delete its rows. To let Django's permissions decide, derive the model from
    ``rls_perms.models.TenantModel`` instead. What a ``RowSecurity`` of the model's own in
    ``Meta.constraints`` says takes the place of that; the floor stays.

    Raises ConfigurationError for a user model: the login reads users before there is a tenant.
    """

    objects = RLSManager()

    class Meta:
        abstract = True
        constraints = [RowSecurity(policies=[WHOLE_TENANT])]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if issubclass(cls, AbstractBaseUser):
            raise ConfigurationError(
                f"{cls.__name__} is a user model and an RLSProtectedModel. Users are read before "
                "anybody is in a tenant, and their table is the framework's. Leave "
                "RLSProtectedModel out, and write the foreign key to the tenant into the model."
            )


def __getattr__(name: str) -> Any:
    return refuse("tenants.models", name)
