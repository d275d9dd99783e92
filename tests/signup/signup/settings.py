"""Settings of a site that people sign up to; SIGNUP_* say which database, and who."""

import os

from rls_perms.conf import FRAMEWORK_APPS

SECRET_KEY = "tests only, and long enough for whatever signs with it"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "signup.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
NAME = os.environ["SIGNUP_NAME"]


def _alias(user):
    return {
        "ENGINE": "rls_perms.backends.postgresql",
        "NAME": NAME,
        "USER": f"{NAME}_{user}",
        "PASSWORD": os.environ["SIGNUP_PASSWORD"],
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
    }


DATABASES = {"default": _alias("web"), "owner": _alias("boss")}
DATABASE_ROUTERS = ["signup.router.OneDatabase"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.dummy",
    "allauth.usersessions",
    "rls_perms",
    "notes",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "rls_perms.middleware.SetRoleMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
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
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "static/"
RLS_PERMS = {
    "ROLE_PREFIX": NAME,
    "FRAMEWORK_APPS": [*FRAMEWORK_APPS, "account", "socialaccount", "usersessions"],
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_RATE_LIMITS = False
LOGIN_REDIRECT_URL = "/notes/"
