"""``django_rls_tenants.contrib``: Celery."""
