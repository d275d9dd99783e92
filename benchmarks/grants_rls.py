"""Settings of the archive whose object grants are measured, with the library."""

import os

SECRET_KEY = "benchmark"  # noqa: S105 - signs nothing
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
NAME = os.environ.get("GRANTS_DATABASE", "rls_perms_grants")


def _alias(user):
    return {
        "ENGINE": "rls_perms.backends.postgresql",
        "NAME": NAME,
        "USER": user,
        "PASSWORD": os.environ.get("GRANTS_PASSWORD", ""),
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
        "CONN_MAX_AGE": None,
    }


DATABASES = {"default": _alias(f"{NAME}_web"), "owner": _alias(f"{NAME}_boss")}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "guardian",
    "rls_perms",
    "benchmarks.archive",
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
RLS_PERMS = {}
FILTERED = False
