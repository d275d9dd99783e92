"""Settings of a project that takes the library in; ADOPTER_* say with which credentials."""

import os

SECRET_KEY = "tests only"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "notes.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
NAME = os.environ["ADOPTER_NAME"]
STOCK = os.environ.get("ADOPTER_STOCK") == "1"


def _alias(user, engine="rls_perms.backends.postgresql"):
    return {
        "ENGINE": engine,
        "NAME": NAME,
        "USER": user,
        "PASSWORD": os.environ.get("ADOPTER_PASSWORD", ""),
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
    }


DATABASES = {"default": _alias(os.environ["ADOPTER_USER"])}
if owner := os.environ.get("ADOPTER_OWNER"):
    DATABASES["owner"] = _alias(owner)
RLS_PERMS = {
    "GROUP_ROLES": {"Clerks": os.environ.get("ADOPTER_CLERK", "clerk")},
    "LOGIN_ROLES": [f"{NAME}_web"],
}
if prefix := os.environ.get("ADOPTER_PREFIX"):
    RLS_PERMS["ROLE_PREFIX"] = prefix
if STOCK:
    # Django's own backend: what the suite was like before the library came.
    DATABASES["default"] = _alias(os.environ["ADOPTER_USER"], "django.db.backends.postgresql")
    DATABASES["theirs"] = _alias(os.environ["ADOPTER_USER"])
    RLS_PERMS |= {"DATABASES": ["theirs"]}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "guardian",
    "rls_perms",
    "notes",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    *([] if STOCK else ["rls_perms.middleware.SetRoleMiddleware"]),
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
TEMPLATES = []
STATIC_URL = "static/"
MIGRATION_MODULES = {"notes": os.environ.get("ADOPTER_MIGRATIONS", "notes.migrations")}
ASLEEP = os.environ.get("ADOPTER_ASLEEP")
