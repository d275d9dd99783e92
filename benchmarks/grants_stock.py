"""The same archive without the library: Django's own backend, and guardian's filter in the code."""

from benchmarks.grants_rls import *

DATABASES["default"] |= {
    "ENGINE": "django.db.backends.postgresql",
    "USER": f"{NAME}_stock",
}
FILTERED = True
