"""A database with the tables of every shape, which this process uses for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.test.utils import override_settings

from rls_perms.conf import get_settings
from tests import deployments
from tests.shapes import settings as shapes
from tests.shapes.models import ENTRY

#: Made by the owner before anything is migrated.
BEFORE = 'CREATE SCHEMA "Au dit"; CREATE EXTENSION hstore;'


@contextmanager
def deployed(*, search_path: str | None = None) -> Iterator[deployments.Deployment]:
    """Migrated and synced, with partitioned tables; *search_path* is that of both logins."""
    installed = override_settings(
        INSTALLED_APPS=shapes.INSTALLED_APPS,
        SHAPES_REPLACED_MODEL=shapes.SHAPES_REPLACED_MODEL,
        SILENCED_SYSTEM_CHECKS=shapes.SILENCED_SYSTEM_CHECKS,
    )
    with installed, deployments.empty() as made:
        get_settings.cache_clear()
        if search_path is not None:
            for name in (made.boss, made.web):
                made.rows(f"ALTER ROLE {name} SET search_path = {search_path}")
            made.as_boss(f"CREATE SCHEMA {search_path}")
        made.as_boss(BEFORE)
        call_command("migrate", "office", database="owner", verbosity=0)
        made.as_boss(ENTRY)
        call_command("migrate", database="owner", run_syncdb=True, verbosity=0)
        yield made
