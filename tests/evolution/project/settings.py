"""Settings of a project whose models change: tests/test_kinds_of_migrations.py."""

import os

SECRET_KEY = "tests only"
USE_TZ = True
NAME = os.environ["EVOLUTION_NAME"]


def _alias(user):
    return {
        "ENGINE": "rls_perms.backends.postgresql",
        "NAME": NAME,
        "USER": f"{NAME}_{user}",
        "PASSWORD": os.environ["EVOLUTION_PASSWORD"],
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
    }


DATABASES = {"default": _alias("web"), "owner": _alias("boss")}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = [
    "rls_perms",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "guardian",
    "people",
    "catalog",
    "work",
]
MIDDLEWARE = ["rls_perms.middleware.SetRoleMiddleware"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_USER_MODEL = "people.User"
RLS_PERMS = {"GROUP_ROLES": {"Clerks": "clerk"}, "TENANT_MODEL": "people.Tenant"}
SILENCED_SYSTEM_CHECKS = ["rls_perms.W001"]
