"""List guardian's grants that count for nothing, with the SQL that removes them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from rls_perms.conf import get_settings
from rls_perms.exceptions import RlsPermsError
from rls_perms.sync.orphans import orphans


class Command(BaseCommand):
    """Exits with 1 where there is any."""

    help = (
        "List grants of guardian on rows that are gone, on texts that are no key, and of "
        "permissions for another model, with the SQL that removes them. Changes nothing. Needs "
        "the owner's credentials."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            help="alias with the owner's credentials (default: the one that settings name)",
        )
        parser.add_argument("--sql", action="store_true", help="print the SQL alone, for psql")

    def handle(self, *args: Any, **options: Any) -> None:
        conf = get_settings()
        alias = options["database"] or (
            conf.owner_database if conf.owner_database in connections.settings else "default"
        )
        try:
            found = list(orphans(connections[alias]))
        except RlsPermsError as error:
            raise CommandError(str(error)) from error
        for one in found:
            if not options["sql"]:
                self.stdout.write(str(one))
            self.stdout.write(one.mend)
        if found and not options["sql"]:
            number = sum(one.count for one in found)
            raise CommandError(f"Grants that count for nothing: {number:,}. Run the SQL above.")
        if not found and not options["sql"]:
            self.stdout.write(self.style.SUCCESS("Every grant is on a row that is there."))
