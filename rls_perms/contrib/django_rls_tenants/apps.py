"""Check what a project that moves over has left in its settings."""

from django.apps import AppConfig


class DjangoRlsTenantsConfig(AppConfig):
    """
    The app ``rls_perms.contrib.django_rls_tenants``: no models, and no migrations.

    It is for a project that replaced the name in INSTALLED_APPS, too: what RLS_TENANTS says
    that counts no more is then refused when the project starts.
    """

    name = "rls_perms.contrib.django_rls_tenants"
    label = "django_rls_tenants"
    verbose_name = "Names of django-rls-tenants"

    def ready(self) -> None:
        from rls_perms.contrib.django_rls_tenants.conf import user_param_name

        user_param_name()
