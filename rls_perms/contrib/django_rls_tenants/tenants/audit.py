"""Refuse the names of ``django_rls_tenants.tenants.audit``."""

from typing import Any

from rls_perms.contrib.django_rls_tenants.refused import refuse


def __getattr__(name: str) -> Any:
    return refuse("tenants.audit", name)
