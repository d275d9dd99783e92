"""A backend that makes has_perm count the groups that a user has in the context's tenant."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import Permission
from django.db.models import Model

from rls_perms.context import current_context
from rls_perms.memberships import membership_model


class MembershipBackend(BaseBackend):
    """
    Permissions of the groups of a user's membership in the tenant of the context.

    List it in ``AUTHENTICATION_BACKENDS`` beside Django's ``ModelBackend``, which counts the
    groups that a user has everywhere. It logs nobody in. Without a context, or without a
    tenant in it, it grants nothing; nor to inactive users, nor on single objects, as Django's
    own does.

    What it found is kept on the user for each tenant, as Django keeps what its backend found:
    a user that is read anew, as each request does, has what the memberships say now.
    """

    def get_group_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """The permissions, as ``app_label.codename``, of the groups in the context's tenant."""
        if obj is not None or user_obj.is_anonymous or not getattr(user_obj, "is_active", True):
            return set()
        context = current_context()
        if context is None or context.tenant is None:
            return set()
        known = user_obj.__dict__.setdefault("_rls_perms_membership_cache", {})
        if context.tenant not in known:
            known[context.tenant] = _permissions(user_obj, context.tenant)
        return set(known[context.tenant])

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Whether there is any permission of that app, as the admin's index asks."""
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions(user_obj))


def _permissions(user: Any, tenant: str) -> frozenset[str]:
    memberships = membership_model()
    if memberships is None:
        return frozenset()
    rows = memberships.counting(user=user).filter(**{memberships.tenant.name: tenant})
    group: Any = memberships.groups.remote_field.model
    held = group._meta.get_field("permissions").remote_field.through
    pairs = held._base_manager.filter(
        **{f"{_held_by(group)}__in": rows.values_list(memberships.groups.name)}
    )
    names = Permission._base_manager.filter(pk__in=pairs.values(_held_what(group)))
    return frozenset(
        f"{app_label}.{codename}"
        for app_label, codename in names.values_list("content_type__app_label", "codename")
    )


def _held_by(group: Any) -> str:
    return str(group._meta.get_field("permissions").m2m_field_name())


def _held_what(group: Any) -> str:
    return str(group._meta.get_field("permissions").m2m_reverse_field_name())
