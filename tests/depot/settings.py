"""The tests' project with a depot."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as BASIS

INSTALLED_APPS = [*BASIS, "tests.depot"]
DEPOT_SWAPPED_MODEL = "depot.Shelf"
# It is an error for good reason; here the table has to be closed all the same.
SILENCED_SYSTEM_CHECKS = ["rls_perms.E003"]
