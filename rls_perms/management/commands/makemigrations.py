"""Django's makemigrations, with the dependencies that declarations need."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import makemigrations

from rls_perms.exceptions import PermissionDenied
from rls_perms.management.autodetector import MigrationAutodetector


class Command(makemigrations.Command):
    autodetector = MigrationAutodetector

    def handle(self, *labels: Any, **options: Any) -> None:
        try:
            super().handle(*labels, **options)
        except PermissionDenied as error:
            # It reads which migrations were applied, and nothing else.
            raise CommandError(str(error)) from error
