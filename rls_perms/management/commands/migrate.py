"""Django's migrate: check commands.E001 wants it to have the autodetector of makemigrations."""

from django.core.management.commands import migrate

from rls_perms.management.autodetector import MigrationAutodetector


class Command(migrate.Command):
    autodetector = MigrationAutodetector
