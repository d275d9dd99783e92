"""Django's makemigrations, with the dependencies that declarations need."""

from django.core.management.commands import makemigrations

from rls_perms.management.autodetector import MigrationAutodetector


class Command(makemigrations.Command):
    autodetector = MigrationAutodetector
