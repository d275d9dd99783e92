"""Make PostgreSQL's roles what Django's groups and permissions say."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from rls_perms import catalog, sync
from rls_perms.conf import get_settings
from rls_perms.exceptions import RlsPermsError


class Command(BaseCommand):
    """Exits with 1 where --check finds something to do, or where nothing could be done."""

    help = (
        "Make PostgreSQL's roles, memberships and privileges what settings, groups and "
        "permissions ask for. Needs the owner's credentials."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="alias with the owner's credentials (default: the one that settings name)",
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--plan", action="store_true", help="show what would be done")
        what.add_argument("--check", action="store_true", help="exit with 1 if there is anything")

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"] or self._alias()
        conf = get_settings()
        if alias not in (*conf.databases, conf.owner_database):
            raise CommandError(
                f"DATABASES[{alias!r}] is not under the library's care. Name it in "
                "RLS_PERMS['DATABASES'], or leave --database out."
            )
        connection = connections[alias]
        only_look = options["plan"] or options["check"]
        try:
            outcome = (sync.plan if only_look else sync.sync)(connection)
        except RlsPermsError as error:
            raise CommandError(str(error)) from error
        for message in outcome.warnings:
            self.stderr.write(self.style.WARNING(f"Warning: {message}"))
        for change in outcome.plan:
            self.stdout.write(f"  {change}")
        if outcome.plan and options["check"]:
            raise CommandError(f"{len(outcome.plan)} changes are pending. Run sync_pg_roles.")
        if outcome.plan and not only_look:
            self.stdout.write(self.style.SUCCESS(f"{len(outcome.plan)} changes made."))
        if outcome.left and not options["plan"]:
            raise CommandError(
                f"{len(outcome.left)} changes are for other roles to make: see the warnings."
            )
        if not outcome.plan and not outcome.left:
            self.stdout.write(self.style.SUCCESS("Nothing to do."))

    def _alias(self) -> str:
        conf = get_settings()
        if connections[conf.databases[0]].settings_dict.get(catalog.TEST_DATABASE):
            # In tests the owner's alias may still be the deployed database.
            return conf.databases[0]
        if conf.owner_database in connections.settings:
            return conf.owner_database
        return conf.databases[0]
