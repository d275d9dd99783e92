"""A project in which little is as usual; NASTY_SWAPPED has guardian use models of its own, too."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as BASIS
from tests.settings import RLS_PERMS as THEIRS

INSTALLED_APPS = [
    *(app for app in BASIS if app not in ("tests.office", "tests.studio")),
    "tests.nasty",
]
AUTH_USER_MODEL = "nasty.Person"
ROOT_URLCONF = "tests.nasty.urls"
RLS_PERMS = {
    "DATABASES": THEIRS["DATABASES"],
    "GROUP_ROLES": {"Managers": "manager"},
    "TENANT_MODEL": "nasty.Firm",
}
SWAPPED = os.environ.get("NASTY_SWAPPED") == "1"
if SWAPPED:
    GUARDIAN_USER_OBJ_PERMS_MODEL = "nasty.PersonGrant"
    GUARDIAN_GROUP_OBJ_PERMS_MODEL = "nasty.TeamGrant"
