"""Settings of a document and invoice application that several small firms share."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ.get("FIRM_SECRET_KEY", "for the demo only")
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "firm.urls"
WSGI_APPLICATION = "firm.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

NAME = os.environ.get("FIRM_DATABASE", "firm")


def _alias(user: str, password: str) -> dict[str, object]:
    return {
        "ENGINE": "rls_perms.backends.postgresql",
        "NAME": NAME,
        "USER": user,
        "PASSWORD": password,
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
    }


# The login owns nothing. The owner's credentials are there only where migrate, sync_pg_roles
# and seed run: the web process is started without them.
# A request is a transaction: one message carries role, tenant and user for all its queries, and
# what PostgreSQL refuses is rolled back before the page that says so is made.
DATABASES = {
    "default": {
        **_alias(os.environ.get("FIRM_LOGIN", f"{NAME}_web"), os.environ.get("FIRM_PASSWORD", "")),
        "ATOMIC_REQUESTS": True,
    }
}
if owner := os.environ.get("FIRM_OWNER"):
    DATABASES["owner"] = _alias(owner, os.environ.get("FIRM_OWNER_PASSWORD", ""))

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "guardian",
    "rls_perms",
    "tenants",
    "office",
    "billing",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "rls_perms.middleware.SetRoleMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

RLS_PERMS = {
    "GROUP_ROLES": {"Managers": "manager", "Clerks": "clerk", "Auditors": "auditor"},
    "TENANT_MODEL": "tenants.Tenant",
    "TENANT_RESOLVER": "tenants.resolver.tenant_of",
    "LOGIN_ROLES": [DATABASES["default"]["USER"]],
    # A role for each firm: this setting and sync_pg_roles, and no migration.
    "TENANT_ROLES": os.environ.get("FIRM_TENANT_ROLES") == "1",
}
