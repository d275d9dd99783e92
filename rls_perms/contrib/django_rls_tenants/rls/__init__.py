"""``django_rls_tenants.rls``: constraints and predicates."""

from typing import Any

from rls_perms.contrib.django_rls_tenants.refused import refuse
from rls_perms.contrib.django_rls_tenants.rls.constraints import RLSConstraint, RLSM2MConstraint
from rls_perms.contrib.django_rls_tenants.rls.predicates import (
    Predicate,
    RawPredicate,
    SharedWith,
    TenantField,
)

__all__ = [
    "Predicate",
    "RLSConstraint",
    "RLSM2MConstraint",
    "RawPredicate",
    "SharedWith",
    "TenantField",
]


def __getattr__(name: str) -> Any:
    return refuse("rls", name)
