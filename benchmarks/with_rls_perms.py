"""The example application's settings, with the pages that are measured."""

from pathlib import Path

from firm.settings import *

DATABASES["default"] |= {"ATOMIC_REQUESTS": False, "CONN_MAX_AGE": None}
TEMPLATES[0]["DIRS"].append(Path(__file__).resolve().parent / "templates")
ROOT_URLCONF = "benchmarks.pages"
FILTERED = False
