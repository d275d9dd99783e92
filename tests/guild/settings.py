"""The tests' project with a guild in the place of the office."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as BASIS

INSTALLED_APPS = [
    one for one in BASIS if one not in ("tests.office", "tests.studio", "django.contrib.admin")
]
INSTALLED_APPS += ["tests.guild"]
AUTH_USER_MODEL = os.environ["GUILD_USER"]
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None
ROOT_URLCONF = "tests.guild"
RLS_PERMS = {"GROUP_ROLES": {"Masters": "master"}}
