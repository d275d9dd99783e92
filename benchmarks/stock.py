"""The same without the library: Django's own backend, and filters in the views."""

from benchmarks.with_rls_perms import *

DATABASES["default"] |= {
    "ENGINE": "django.db.backends.postgresql",
    "USER": f"{NAME}_stock",
}
MIDDLEWARE = [one for one in MIDDLEWARE if "rls_perms" not in one]
FILTERED = True
