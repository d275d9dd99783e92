"""The end of the settings of an application after django-rls' quick start."""

ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "projects.urls"
DATABASES = {
    "default": {
        "ENGINE": "django_rls.backends.postgresql",
        "NAME": "studio",
        "USER": "studio_app",
        "ATOMIC_REQUESTS": True,
    }
}

INSTALLED_APPS += ["projects", "django_rls"]

MIDDLEWARE += ["django_rls.middleware.RLSContextMiddleware"]
RLS_CONTEXT_PROCESSORS = ["projects.regions.of_request"]
DJANGO_RLS = {"STRICT_MIGRATE_RLS": True, "REGISTERED_CONTEXT_KEYS": ["region"]}
