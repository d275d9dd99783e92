"""Settings of an atlas on PostGIS; ATLAS_* say which database, and who."""

import os

SECRET_KEY = "tests only"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
NAME = os.environ["ATLAS_NAME"]


def _alias(user, **options):
    return {
        "ENGINE": "rls_perms.backends.postgis",
        "NAME": NAME,
        "USER": f"{NAME}_{user}",
        "PASSWORD": os.environ["ATLAS_PASSWORD"],
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
        "OPTIONS": options,
    }


DATABASES = {
    "default": _alias("web"),
    "pooled": _alias("web", pool={"min_size": 1, "max_size": 1}),
    "server_side": _alias("web", server_side_binding=True),
    "owner": _alias("boss"),
}
DATABASE_ROUTERS = ["places.router.OneDatabase"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.gis",
    "guardian",
    "rls_perms",
    "places",
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
RLS_PERMS = {"DATABASES": ["default", "pooled", "server_side"]}
