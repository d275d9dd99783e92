"""Refuse a role's parameters that PostgreSQL would not take when a request comes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import Error, transaction

from rls_perms import catalog
from rls_perms.exceptions import PlanError
from rls_perms.grants import RoleSetting
from rls_perms.plan import Plan, SetParameter
from rls_perms.statements import advice
from rls_perms.statements.render import text as as_text
from rls_perms.statements.session import set_parameters

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def check_parameters(
    connection: "BaseDatabaseWrapper", changes: Plan, logins: Iterable[str]
) -> None:
    """Set each new parameter and take it back; raise PlanError where PostgreSQL refuses it."""
    settings = [change.setting for change in changes if isinstance(change, SetParameter)]
    if not settings:
        return
    for one in settings:
        _try(connection, one)
    for name, login in catalog.closed_parameters(
        connection, {one.name for one in settings}, logins
    ):
        raise PlanError(
            f"RLS_PERMS['GROUP_ROLES'] sets {name!r}, which only a superuser may: every request of "
            f"the group would fail. Run: {advice.grant_parameter(name, login)}; or remove it."
        )


def _try(connection: "BaseDatabaseWrapper", one: RoleSetting) -> None:
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(as_text(set_parameters([(one.name, one.value)])))
            transaction.set_rollback(True, using=connection.alias)
    except Error as error:
        raise PlanError(
            f"RLS_PERMS['GROUP_ROLES'] has {one.role!r} set {one.name!r} to {one.value!r}, which "
            f"PostgreSQL does not take: {error.__cause__}. Correct it, or remove it."
        ) from error
