"""The tests' project with tables of every shape."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as BASIS

INSTALLED_APPS = [*BASIS, "django.contrib.postgres", "tests.shapes"]
SHAPES_REPLACED_MODEL = "shapes.Numbered"
#: Pillow is for forms; a column of ImageField is as without it.
SILENCED_SYSTEM_CHECKS = ["fields.E210"]
