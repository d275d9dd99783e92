"""Names of django-rls-tenants that mean nothing here, with what to write instead."""

from typing import NoReturn

NOTHING_IS_SET = (
    "nothing is ever set for a session, so there is nothing to set, read or clear by hand. Enter "
    "as_user(), tenant_context() or as_system(reason='...')."
)
NO_BYPASS = (
    "there is no flag that lets rows through. Run what needs all rows inside of "
    "as_system(reason='...')."
)
WORKER = "write Celery(..., task_cls='rls_perms.contrib.celery:ContextTask')."
VALIDATE = (
    "remove the call: TenantModel, of which RLSProtectedModel is one, checks its foreign keys in "
    "full_clean(), and PostgreSQL refuses rows of other tenants."
)
REST = (
    "remove it: with rls_perms the role follows request.user, and a denial is 403; "
    "docs/denials.md has Django REST framework."
)

#: Module, or a whole one, or a name of it -> what to do.
INSTEAD = {
    "pool": "remove the call: a connection goes back to its pool without any state.",
    "contrib.drf": REST,
    "rls.context": NOTHING_IS_SET,
    "rls.guc": NOTHING_IS_SET,
    "tenants.bypass": NO_BYPASS,
    "TenantSwitchListFilter": "take TenantSwitchMixin of rls_perms.contrib.tenant_admin with "
    "admin.AdminSite, which adds a page to choose the tenant.",
    "tenants.audit": "take the log rls_perms.audit.",
    "tenants.conf": "read rls_perms's settings from RLS_PERMS; docs/settings.md has each.",
    "rls_context": NOTHING_IS_SET,
    "async_rls_context": NOTHING_IS_SET,
    "bypass_flag": NO_BYPASS,
    "async_bypass_flag": NO_BYPASS,
    "set_bypass_flag": NO_BYPASS,
    "clear_bypass_flag": NO_BYPASS,
    "set_current_tenant_id": NOTHING_IS_SET,
    "reset_current_tenant_id": NOTHING_IS_SET,
    "set_rls_context_active": NOTHING_IS_SET,
    "reset_rls_context_active": NOTHING_IS_SET,
    "rls_tenants_config": "take RLS_PERMS from django.conf.settings.",
    "validate_cross_tenant_fks": VALIDATE,
    "ContextGucs": NOTHING_IS_SET,
    "restore_gucs": NOTHING_IS_SET,
    "register_m2m_rls": "remove the call: tables of many-to-many fields are covered by the sync.",
    "install": WORKER,
    "uninstall": WORKER,
    **dict.fromkeys(
        [f"{a}{verb}_guc" for a in ("", "a") for verb in ("set", "get", "clear", "restore")],
        NOTHING_IS_SET,
    ),
}


def refuse(module: str, name: str) -> NoReturn:
    """Raise what ``from module import name`` should say; *module* without the first words."""
    instead = INSTEAD.get(name) or INSTEAD.get(module)
    if instead is None or name.startswith("__"):
        raise AttributeError(f"rls_perms.contrib.django_rls_tenants has no {name!r} in {module!r}")
    raise ImportError(f"{name!r} of django-rls-tenants has no equivalent in rls_perms: {instead}")
