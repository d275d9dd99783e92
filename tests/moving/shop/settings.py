"""The end of the settings of an application after django-rls-tenants' quick start."""

ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "myapp.urls"
AUTH_USER_MODEL = "myapp.User"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "USER": "shop_app",
        "ATOMIC_REQUESTS": True,
    }
}

INSTALLED_APPS += ["myapp", "library", "django_rls_tenants"]

RLS_TENANTS = {
    "TENANT_MODEL": "myapp.Tenant",  # required
    "TENANT_PK_TYPE": "bigint",
    "EXTERNAL_MODELS": {"library.Book": "tenant"},
    "USER_PARAM_NAME": "current_user",
}

MIDDLEWARE += ["django_rls_tenants.RLSTenantMiddleware"]
