"""What is written down of the logins of tenants' own people."""

from typing import TYPE_CHECKING, Any

from django.apps import apps

from rls_perms import catalog
from rls_perms.conf import get_settings
from rls_perms.statements import tenant_logins as text
from rls_perms.statements.tenant_logins import TenantLogin

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def known_logins(connection: "BaseDatabaseWrapper") -> tuple[TenantLogin, ...]:
    """What is written down of tenants' logins, of a database of an older version nothing."""
    if not catalog.has_tables(connection, [text.TABLE]):
        return ()
    with connection.cursor() as cursor:
        cursor.execute(text.KNOWN)
        return tuple(
            TenantLogin(login, tenant, tuple(groups)) for login, tenant, groups in cursor.fetchall()
        )


def wanted_logins(connection: "BaseDatabaseWrapper") -> tuple[TenantLogin, ...]:
    """Those whose tenant is there: the others may do nothing any more."""
    known, label = known_logins(connection), get_settings().tenant_model
    if not known or label is None:
        return ()
    model: Any = apps.get_model(label)
    keys = [one.tenant for one in known]
    rows = model._base_manager.using(connection.alias).filter(pk__in=keys)
    present = {str(key) for key in rows.values_list("pk", flat=True)}
    return tuple(one for one in known if one.tenant in present)
