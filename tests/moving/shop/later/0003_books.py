"""Protect another app's table, as django-rls-tenants does it: copied into myapp's migrations."""

from django.db import migrations
from django_rls_tenants import AddRLSPolicy


class Migration(migrations.Migration):
    dependencies = [("myapp", "0002_m2m_rls_policies"), ("library", "0001_initial")]
    operations = [AddRLSPolicy("Book", app_label="library")]
