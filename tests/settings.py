"""Settings of the project that the tests run: a firm's office, with the login's credentials."""

import os

SECRET_KEY = "tests only"
USE_TZ = True
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.office.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One database and one pair of roles for each process of a run, so that none meets another's.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
PROJECT = f"rls_{os.environ.get('RLS_PERMS_TEST_RUN', 'x')}_{WORKER}"


def _alias(user: str, **options: object) -> dict[str, object]:
    return {
        "ENGINE": "rls_perms.backends.postgresql",
        "NAME": PROJECT,
        "USER": user,
        "PASSWORD": os.environ.get("RLS_PERMS_TEST_PASSWORD", "secret"),
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
        "OPTIONS": options,
    }


DATABASES = {
    "default": _alias(f"{PROJECT}_web"),
    "server_side": _alias(f"{PROJECT}_web", server_side_binding=True),
    "pooled": _alias(f"{PROJECT}_web", pool={"min_size": 1, "max_size": 1}),
    "owner": _alias(f"{PROJECT}_boss"),
}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "guardian",
    "rls_perms",
    "tests.office",
    "tests.library",
    "tests.studio",
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
AUTH_USER_MODEL = "office.User"
RLS_PERMS = {
    "DATABASES": ["default", "server_side", "pooled"],
    "GROUP_ROLES": {"Managers": "manager", "Clerks": "clerk"},
    "TENANT_MODEL": "office.Tenant",
    # So that every suite can be run with either.
    "SIGNED_CONTEXT": bool(os.environ.get("RLS_PERMS_TEST_SIGNED")),
}
DATABASE_ROUTERS = ["tests.office.router.OneDatabase"]
