"""Settings of a shop with an admin and an API; SHOP_* say which database, and who."""

import os

from rls_perms.conf import FRAMEWORK_APPS

SECRET_KEY = "tests only, and long enough for whatever signs with it"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
NAME = os.environ["SHOP_NAME"]


def _alias(user):
    return {
        "ENGINE": "rls_perms.backends.postgresql",
        "NAME": NAME,
        "USER": f"{NAME}_{user}",
        "PASSWORD": os.environ["SHOP_PASSWORD"],
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
    }


DATABASES = {"default": _alias("web"), "owner": _alias("boss")}
DATABASE_ROUTERS = ["shop.router.OneDatabase"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",
    "rest_framework",
    "rest_framework.authtoken",
    "rls_perms",
    "goods",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "rls_perms.middleware.SetRoleMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "static/"
RLS_PERMS = {
    "ROLE_PREFIX": NAME,
    "FRAMEWORK_APPS": [*FRAMEWORK_APPS, "authtoken"],
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
}
