"""Read what is left of RLS_TENANTS; refuse the rest, with what to write in RLS_PERMS."""

import difflib
from typing import Any

from django.conf import settings

from rls_perms.exceptions import ConfigurationError

DEFAULT = "as_user"
#: What each key of django-rls-tenants' became.
INSTEAD = {
    "TENANT_MODEL": "write it into RLS_PERMS, under the same name",
    "TENANT_FK_FIELD": "write it into RLS_PERMS, under the same name",
    "STRICT_MODE": "write it into RLS_PERMS, under the same name",
    "DATABASES": "write it into RLS_PERMS, under the same name",
    "GUC_PREFIX": "remove it; RLS_PERMS['GUC_PREFIX'] is there if 'rls_perms' is taken",
    "TENANT_PK_TYPE": "remove it: the type of the key is read from the model",
    "USE_LOCAL_SET": "remove it: nothing is ever set for a session",
    "STRICT_MODE_EXCLUDE": "write it into RLS_PERMS, under the same name",
    "UNIQUE_ACROSS_TENANTS": "remove it",
    "EXTERNAL_MODELS": "remove it, and write protect('app.Model', RowSecurity(...)) in your models",
    "TENANT_HEADER": "RLS_PERMS['TENANT_RESOLVER'] says it, as 'rls_perms.resolvers.from_header'",
    "TENANT_SESSION_KEY": "RLS_PERMS['TENANT_RESOLVER'] says it, as "
    "'rls_perms.resolvers.from_session'",
}


def user_param_name() -> str:
    """
    The parameter by which ``with_rls_context`` finds the user: ``RLS_TENANTS["USER_PARAM_NAME"]``.

    Raises ConfigurationError for any other key: a setting that is accepted and does nothing
    would promise a protection that is not there.
    """
    given: dict[str, Any] = getattr(settings, "RLS_TENANTS", {})
    for key in given:
        if key != "USER_PARAM_NAME":
            near = difflib.get_close_matches(str(key).upper(), [*INSTEAD, "USER_PARAM_NAME"], n=1)
            instead = INSTEAD.get(key) or (
                f"did you mean {near[0]!r}?" if near else "remove it: nothing reads it"
            )
            raise ConfigurationError(
                f"RLS_TENANTS[{key!r}] is {given[key]!r}, but only USER_PARAM_NAME is read from "
                f"RLS_TENANTS by rls_perms: {instead}."
            )
    name = given.get("USER_PARAM_NAME", DEFAULT)
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigurationError(
            f"RLS_TENANTS['USER_PARAM_NAME'] is {name!r}, but it must be the name of a parameter. "
            f"Write {DEFAULT!r}."
        )
    return name
