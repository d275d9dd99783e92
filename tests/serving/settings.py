"""The tests' settings as a web server has them: the login's credentials, one alias."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, RLS_PERMS

ROOT_URLCONF = "tests.serving.urls"
# HOST, PORT, OPTIONS, CONN_MAX_AGE: what makes one way of connecting differ from another.
CONNECTING = json.loads(os.environ["RLS_PERMS_TEST_CONNECTING"])
DATABASES = {"default": DATABASES["default"] | CONNECTING}
RLS_PERMS = RLS_PERMS | {"DATABASES": ["default"]}
DATABASE_ROUTERS = []
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django.request": {"level": "CRITICAL"}, "django.server": {"level": "CRITICAL"}},
}
