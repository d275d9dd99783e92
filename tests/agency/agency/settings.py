"""Settings of an agency whose people work in several tenants; AGENCY_* say which database."""

import os

SECRET_KEY = "tests only, and long enough for whatever signs with it"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "agency.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
NAME = os.environ["AGENCY_NAME"]


def _alias(user):
    return {
        "ENGINE": "rls_perms.backends.postgresql",
        "NAME": NAME,
        "USER": f"{NAME}_{user}",
        "PASSWORD": os.environ["AGENCY_PASSWORD"],
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
    }


DATABASES = {"default": _alias("web"), "owner": _alias("boss")}
DATABASE_ROUTERS = ["agency.router.OneDatabase"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "guardian",
    "rls_perms",
    "cases",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "rls_perms.middleware.SetRoleMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
    "rls_perms.auth.MembershipBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Either Django's groups, or a project's own with UUIDs for keys, as its users have.
OWN_MODELS = os.environ.get("AGENCY_MODELS") == "own"
AUTH_USER_MODEL = "cases.Agent" if OWN_MODELS else "cases.User"
GROUP_MODEL = "cases.Guild" if OWN_MODELS else "auth.Group"
if OWN_MODELS:
    AUTHENTICATION_BACKENDS[0] = "agency.backends.GuildBackend"
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None

RLS_PERMS = {
    "ROLE_PREFIX": NAME,
    "GROUP_ROLES": {
        "Leads": {"role": "lead", "settings": {"statement_timeout": "90s"}},
        "Readers": "reader",
    },
    "TENANT_MODEL": "cases.Client",
    "TENANT_RESOLVER": "cases.views.tenant_of",
    "MEMBERSHIP_MODEL": "cases.Membership",
}
if os.environ.get("AGENCY_TENANT_ROLES"):
    RLS_PERMS["TENANT_ROLES"] = True
if os.environ.get("AGENCY_SIGNED"):
    RLS_PERMS["SIGNED_CONTEXT"] = True
