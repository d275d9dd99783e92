"""Make PostgreSQL's roles what Django's groups and permissions say."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from rls_perms import catalog, sync
from rls_perms.exceptions import RlsPermsError
from rls_perms.management.alias import owners_alias
from rls_perms.management.progress import ProgressBar
from rls_perms.statements.changes import script
from rls_perms.sync.report import as_data


class Command(BaseCommand):
    """Exits with 1 where --check finds something to do, or where something could not be done."""

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
        look = parser.add_mutually_exclusive_group()
        look.add_argument("--plan", action="store_true", help="show what would be done")
        look.add_argument("--check", action="store_true", help="exit with 1 if there is anything")
        look.add_argument(
            "--sql", action="store_true", help="print what would be done as SQL for psql"
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="drop roles that stand for nothing any more, if nothing needs them",
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sql"] and options["json"]:
            raise CommandError("--json has the SQL of each change already. Leave --sql out.")
        connection = connections[owners_alias(options["database"])]
        only_look = options["plan"] or options["check"] or options["sql"]
        progress = ProgressBar(self.stderr)
        try:
            if catalog.is_standby(connection):
                message = f"DATABASES[{connection.alias!r}] is a standby. Sync its primary."
                outcome = sync.Outcome(sync.Plan(()), (message,))
            elif only_look:
                outcome = sync.plan(connection, prune=options["prune"], as_used=options["check"])
            else:
                outcome = sync.sync(connection, prune=options["prune"], progress=progress)
        except RlsPermsError as error:
            raise CommandError(str(error)) from error
        finally:
            progress.end()
        for message in outcome.warnings:
            self.stderr.write(self.style.WARNING(f"Warning: {message}"))
        version = catalog.server_version(connection)
        if options["json"]:
            data = as_data(outcome, version, applied=not only_look)
            self.stdout.write(json.dumps(data, indent=2, ensure_ascii=False))
        elif options["sql"]:
            self.stdout.write(script(outcome.plan, version), ending="")
        else:
            self._say(outcome, only_look=only_look)
        self._end(outcome, options)

    def _say(self, outcome: sync.Outcome, *, only_look: bool) -> None:
        for change in outcome.plan:
            self.stdout.write(f"  {change}")
        if outcome.plan and not only_look:
            self.stdout.write(self.style.SUCCESS(f"{_changes(outcome.plan)} made."))
        if not outcome.plan and not outcome.left:
            self.stdout.write(self.style.SUCCESS("Nothing to do."))

    def _end(self, outcome: sync.Outcome, options: dict[str, Any]) -> None:
        if outcome.plan and options["check"]:
            raise CommandError(f"Pending: {_changes(outcome.plan)}. Run sync_pg_roles.")
        if outcome.left and not (options["plan"] or options["sql"]):
            raise CommandError(f"Could not be made: {_changes(outcome.left)}; see the warnings.")


def _changes(changes: sync.Plan) -> str:
    return "1 change" if len(changes) == 1 else f"{len(changes):,} changes"
