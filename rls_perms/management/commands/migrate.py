"""Django's migrate, with the autodetector of makemigrations; and what is left if it fails."""

from contextlib import suppress
from typing import Any

from django.core.management.commands import migrate
from django.db import DatabaseError, connections

from rls_perms.exceptions import RlsPermsError
from rls_perms.management.autodetector import MigrationAutodetector
from rls_perms.sync import plan
from rls_perms.sync.migrating import concerns


class Command(migrate.Command):
    autodetector = MigrationAutodetector

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except Exception:
            # It is told as it is; this is beside it, and may be as impossible.
            with suppress(DatabaseError, RlsPermsError):
                self._say_what_is_left(options["database"])
            raise

    def _say_what_is_left(self, alias: str) -> None:
        """Sync is the last step of migrate: without it, what was migrated is closed."""
        connection = connections[alias]
        if concerns(connection) and (left := plan(connection).plan):
            changes = "one change" if len(left) == 1 else f"{len(left)} changes"
            self.stderr.write(
                f"Warning: migrate ended before its sync, which has {changes} to make: some users "
                "may see fewer rows than before. Run sync_pg_roles --plan to see them, and "
                "sync_pg_roles to make them."
            )
